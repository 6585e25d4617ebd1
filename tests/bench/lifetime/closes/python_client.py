"""One python-socketio client for each way; one JSON object a line for each disconnect."""

import asyncio
import json
import sys

import socketio


async def connect(url, transport, way, number):
    client = socketio.AsyncClient()

    @client.event
    async def disconnect(reason=None):
        line = {"transport": transport, "way": way, "number": str(number), "reason": reason}
        print(json.dumps(line), flush=True)

    query = f"client=python-socketio&way={way.replace(' ', '%20')}&number={number}"
    await client.connect(f"{url}/?{query}", transports=[transport])
    return client


async def main():
    task = json.loads(sys.argv[1])
    connecting = [
        connect(task["url"], transport, way, number)
        for transport, ways in task["ways"].items()
        for way in ways
        for number in range(task["samples"])
    ]
    await asyncio.gather(*connecting)
    await asyncio.Event().wait()


asyncio.run(main())
