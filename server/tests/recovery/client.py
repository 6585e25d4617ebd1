"""The same as client.mjs with python-socketio. Argument: {url, path, transports, package}; without `package` it knows nothing of recovery."""

import asyncio
import json
import re
import sys

import engineio
import socketio

# It takes a poll with more packets for an attack.
engineio.payload.Payload.max_decode_packets = 10000

config = json.loads(sys.argv[1])


def tell(**line):
    print(json.dumps(line), flush=True)


class Recovering(socketio.AsyncClientNamespace):
    """A namespace whose client comes back as itself."""

    session, offset = {}, None

    def auth(self):
        known = {"pid": self.session.get("pid"), "offset": self.offset}
        return {"recovery": True, **{name: value for name, value in known.items() if value}}

    async def trigger_event(self, event, *args):
        if event == "realtime:session":
            self.session = args[0]
            if not self.session["recovered"]:
                self.offset = None
        if not (self.session and args and isinstance(args[-1], str) and re.fullmatch(r"\d+-\d+", args[-1])):
            return await super().trigger_event(event, *args)
        *args, offset = args
        self.offset = offset
        return await super().trigger_event(event, *args)


class Plain(socketio.AsyncClientNamespace):
    """One that keeps no offset, and whose handlers take exactly what they expect."""

    def auth(self):
        return {}

    async def on_connect(self):
        tell(heard="session", id=self.client.get_sid(), recovered=None)


class Chat(Recovering if config["package"] else Plain):
    """What the application does with events."""

    async def on_message(self, message):
        data = message["data"]
        data = {"binary": data.hex()} if isinstance(data, bytes) else data
        tell(heard="message", **{"from": message["from"]}, more=0, data=data)

    async def on_disconnect(self, reason):
        tell(heard="disconnect", reason=reason)

    async def trigger_event(self, event, *args):
        if event == "realtime:session":
            tell(heard="session", id=args[0]["id"], recovered=args[0]["recovered"])
        if event == "realtime:gap":
            tell(heard="gap", reason=args[0]["reason"])
        return await super().trigger_event(event, *args)


async def main():
    chat = Chat("/")
    client = socketio.AsyncClient(reconnection_delay=0.1, reconnection_delay_max=0.2)
    client.register_namespace(chat)
    await client.connect(config["url"], auth=chat.auth, transports=config["transports"], socketio_path=config["path"])
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        emit, number = command["emit"], command["id"]
        callback = lambda answer=None, number=number: tell(heard="answer", id=number, answer=answer)
        await chat.emit(emit["event"], emit["argument"], callback=callback)


asyncio.run(main())
