"""Run commands of the command line in forked processes: none of them imports torch again.

python fork_server.py serve SOCKET              prints "ready", then serves until it is killed
python fork_server.py SOCKET prepare LOG ...    runs a command and exits with its code

A command that loses its client, because a test killed it, is killed too.
"""

import contextlib
import json
import os
import socket
import sys


def serve(path: str) -> None:
    """Fork a process per command."""
    from prismrec.cli import COMMANDS, main, make_app

    for name in COMMANDS:
        make_app(name)[name].assemble_argument_collection()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    print("ready", flush=True)  # noqa: T201
    while True:
        client, _ = listening.accept()
        message, streams, _, _ = socket.recv_fds(client, 1 << 20, 2)
        if os.fork() == 0:
            run(client, json.loads(message), streams, main)
        for stream in streams:
            os.close(stream)
        client.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def run(client, message, streams, main) -> None:
    """Run one command in this process and end it."""
    import threading

    def wait_for_end() -> None:
        client.recv(1)
        os._exit(9)

    for number, stream in enumerate(streams, start=1):
        os.dup2(stream, number)
    os.chdir(message["folder"])
    os.environ.update(message["environment"])
    threading.Thread(target=wait_for_end, daemon=True).start()
    code = 0
    try:
        main(message["arguments"])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    except BaseException:  # noqa: BLE001 -- as Python does at the end of a process
        import traceback

        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    client.send(bytes([code]))
    os._exit(0)


def ask(path: str, arguments: list[str]) -> int:
    """Run a command on the server; return its exit code."""
    environment = {name: text for name, text in os.environ.items() if name.startswith("PRISMREC")}
    message = {"arguments": arguments, "folder": os.getcwd(), "environment": environment}
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        socket.send_fds(server, [json.dumps(message).encode()], [1, 2])
        return (server.recv(1) or b"\x09")[0]


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    sys.exit(ask(sys.argv[1], sys.argv[2:]))
