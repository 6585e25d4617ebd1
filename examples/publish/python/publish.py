"""Publishes a message to a room: PUBLISH_URL=http://chat.team-a:8083/publish PUBLISH_TOKEN=... python3 publish.py lobby hello"""

import json, os, random, sys, time, uuid
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

room, text = sys.argv[1:]
event = {"id": str(uuid.uuid4()), "event": "message", "rooms": [room], "data": {"text": text}}
request = Request(
    os.environ["PUBLISH_URL"],
    data=json.dumps(event).encode(),
    headers={"Authorization": f"Bearer {os.environ['PUBLISH_TOKEN']}", "Content-Type": "application/json"},
)
for attempt in range(1, 6):
    try:
        with urlopen(request, timeout=10) as answer:
            print(answer.read().decode())
        sys.exit(0)
    except HTTPError as error:
        why = f"{error.code} {error.read().decode()}"
        if error.code < 500:
            break
    except (URLError, TimeoutError) as error:
        why = str(error)
    # The same id again: who got it already does not get it twice.
    time.sleep(0.25 * 2**attempt * random.random())
sys.exit(why)
