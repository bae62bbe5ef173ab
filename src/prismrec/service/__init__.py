"""The HTTP service.

Must not depend on: the command line.

Names are imported when they are first used.

settings         what an operator sets, and what is refused
errors           the one shape of every error, and which status each kind has
schemas          what goes in and out, checked
auth             who may do what
middleware       sizes, times, rates, request ids, headers: what holds for every request
changes          hidden and new items, shared by workers and kept over a restart
artifact_copy    private copies of artifacts, held and swept
loaded_artifact  the artifact that answers, and everything made of it
projection       the plane of the page's map
health           what the health view tells, and whether it belongs to the artifact
metrics          what Prometheus reads
thread_pool      threads that compute, and how much may wait for them
microbatch       requests that wait, computed together
answers          from a request to an answer, no HTTP in it
service          all of the above as methods, no HTTP in it
routes           the routes
app              all of it as one application
server           the process: its socket, its connections, its workers
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
