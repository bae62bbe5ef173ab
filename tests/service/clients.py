"""Send requests and read answers in tests."""

import socket
import time


def post(client, path, **body):
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def listed(answer):
    return [item["id"] for item in answer["items"]]


def kind_of(answer):
    body = answer.json()["error"]
    assert set(body) == {"kind", "message", "status", "request_id"}
    assert body["status"] == answer.status_code
    assert body["request_id"] == answer.headers["x-request-id"]
    return body["kind"]


def event(user, item, **more):
    event.count += 1
    return {"id": f"e{event.count}", "user": user, "item": item, "time": event.count} | more


event.count = 0


def exchange(address, *parts, pause=0.0):
    """Send parts with a pause after each; return everything received until the server closes."""
    with socket.create_connection(address, timeout=10) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            return b"".join(iter(lambda: connection.recv(65_536), b"")).decode()
        except ConnectionError:
            return "closed"


def status_of(answer):
    return int(answer.split(" ", 2)[1])
