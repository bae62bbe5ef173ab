"""The HTTP service, ``prismrec serve``: its API is in docs/http.md, its running in docs/serving.md.

settings    what an operator sets, and what is refused
schemas     what goes in and out, checked
keys        who may do what
limits      sizes, times, rates, request ids, headers: what holds for every request
state       the artifact that answers, and everything made of it
copies      private copies of artifacts, held and swept
changes     hidden and new items, shared by workers and kept over a restart
work        threads that compute, and how much may wait for them
answers     from a request to an answer, no HTTP in it
routes      the routes
app         all of it as one application
serving     the process: its socket, its connections, its workers
"""
