"""The files of the page: compressed once, and cached by browsers for as long as they may be.

Data is compressed by Starlette's ``GZipMiddleware`` for every request (see ``app``), quickly. The
files of the page do not change, so they are compressed once, and as well as possible.
"""

import gzip
import os
from functools import lru_cache
from pathlib import Path

from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.types import Scope

from prismrec.service.compression import accepts_gzip

PAGE = Path(__file__).parent / "page"
SMALLEST = 1_000
"""Smallest response in bytes that is compressed; a smaller one fits into one packet anyway."""
TEXT = ("text/", "application/javascript", "application/json", "image/svg+xml")
"""Beginnings of the media types that are compressed."""


class Page(StaticFiles):
    """The files of the page. Browsers may cache those with a hash in their name, not index.html.

    A browser with an old index.html would request files that a newer service does not have.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file with its Cache-Control header; see ``StaticFiles.get_response``.

        The files are small, so a request for a part of one gets the whole file, as HTTP allows.
        """
        scope["headers"] = [one for one in scope["headers"] if one[0] != b"range"]
        response = await super().get_response(path, scope)
        response.headers["Accept-Ranges"] = "none"
        hashed = "-" in path
        caching = "public, max-age=31536000, immutable" if hashed else "no-cache"
        response.headers["Cache-Control"] = caching
        return response

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Return a file, compressed if the client accepts it; see ``StaticFiles.file_response``."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        kind = response.headers.get("content-type", "")
        if (
            not isinstance(response, FileResponse)  # not modified
            or stat_result.st_size < SMALLEST
            or not kind.startswith(TEXT)
            or not accepts_gzip(Headers(scope=scope))
        ):
            return response
        body = _compress(str(full_path), stat_result.st_mtime_ns)
        headers = {
            "Content-Type": kind,
            "Content-Encoding": "gzip",
            "Content-Length": str(len(body)),
            "Vary": "Accept-Encoding",
            "Last-Modified": response.headers["last-modified"],
            "ETag": "W/" + response.headers["etag"],  # weak: the bytes differ from the file's
        }
        return Response(body, status_code, headers)  # for HEAD, the server leaves the body out


@lru_cache(maxsize=64)
def _compress(path: str, _: int) -> bytes:
    """Return a file as gzip; the time of its last change is part of the key of the cache."""
    return gzip.compress(Path(path).read_bytes(), 9, mtime=0)
