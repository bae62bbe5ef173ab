"""Send requests and read answers in tests."""


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
