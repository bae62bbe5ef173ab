"""The HTTP service, ``prismrec serve``: its API is in docs/http.md, its running in docs/serving.md.

settings    what an operator sets, and what is refused
errors      the one shape of every error, and which status each kind has
schemas     what goes in and out, checked
keys        who may do what
limits      sizes, times, rates, request ids, headers: what holds for every request
changes     hidden and new items, shared by workers and kept over a restart
copies      private copies of artifacts, held and swept
state       the artifact that answers, and everything made of it
health      what the health view tells, and whether it belongs to the artifact
metrics     what Prometheus reads
work        threads that compute, and how much may wait for them
microbatch  requests that wait, computed together
answers     from a request to an answer, no HTTP in it
service     all of the above as methods, no HTTP in it
routes      the routes
app         all of it as one application
serving     the process: its socket, its connections, its workers
"""
