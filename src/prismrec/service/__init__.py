"""The HTTP service: recommendations, events, items and monitoring over HTTP, and the page.

It must not depend on the command line. To add a route: write a function in ``items``, ``users`` or
``lists`` that works without HTTP, its response in ``responses``, and the route in ``routes``. To
add a store of events: see ``stores``.

settings         what an operator sets: the address, limits, paths and keys
checks           checks at the start: whether these paths and settings can be served
extensions       the operator's own extractor, index and re-ranker
errors           the one shape of every error, and the HTTP status of each kind
strict           the base of request bodies: no other field, no other type
conditions       conditions on attributes and boosts, as requests have them
event_rules      which events are dislikes, and which kinds are known
schemas          what the body of a request for lists or with events may hold
item_schemas     the same for bodies that change items
responses        what the service answers: dataclasses that are sent as they are
page_responses   the same for what only the page needs
openapi          the OpenAPI document
checked_route    refuses unknown parameters, repeated fields and bodies that are not JSON
keys             keys by scope, from the environment and from a file
auth             checks a request's key
middleware       request ids, security headers and log records of every request
compression      responses compressed for the clients that accept it
bodies           keys before bodies, limits of bodies, abandoned requests
paths            ids in paths
connection       limits of the other parts of a request: heads, trailers
rate_limit       how many requests a caller may send per second
logging          log records as JSON
changes          the journal: hidden, new and changed items, for all workers, kept over a restart
applied_changes  these changes, applied to a recommender
known_changes    the changes that were read from the journal, and artifacts with them
artifact_copy    private copies of artifacts
loaded_artifact  an opened artifact, and what is computed from it once
replacement      what the workers answer from, for a worker that replaces one
versions         which artifact answers: loads it, applies changes, reloads it
lists            from requests to lists
event_import     loads the events of a log into a store
users            events and interests of users
items            items of the catalog: by id, by title, similar items
search           the index of titles
pictures         which pictures of items may be shown
insight          example users and the health report of the page, computed once per artifact
examples         users of the data set, and how much their interests mix in their lists
start            what the page needs before its first list
catalog_map      the map of the catalog and its labels
plane            projects vectors to the two axes of the map
health           the diagnostics and the report behind the health report
verdict          the first lines of the health report
metrics          Prometheus metrics
thread_pool      threads with bounded queues, by kind of work
microbatch       computes waiting requests together
turns            which thread computes now: single requests, and batches between them
answering        from requests to answers: reads the store, then computes lists
experiments      A/B tests: which users get lists with which options
exposures        the exposure log of an experiment, written by a thread
variant_answers  answers while an experiment runs
readiness        whether requests can be answered now
request_trace    which trace the work of a thread belongs to
tracing          spans of OpenTelemetry, if they are switched on
context          the parts that every route uses
list_routes      the routes that recommend
change_routes    the routes that change something, and the log of changes
routes           the other routes
page_files       the files of the page, compressed
garbage          keeps Python's search for garbage away from what is loaded
app              the application: routes, errors, page
hangup           SIGHUP before the service can reload
shared_metrics   the counters of several workers, in files that a full disk does not damage
server           the process: sockets, connections, workers
closing          the end of a socket, without a reset connection
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
