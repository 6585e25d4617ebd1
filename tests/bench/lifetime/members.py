"""The clients of clients.mjs in Python: AsyncClient of python-socketio, with the few lines that let it come back as itself.

The same options and the same events, one JSON object a line. It does not tell WebSocket close codes: the library keeps them to itself.
"""

import argparse
import asyncio
import json
import random
import re
import sys
import time

import socketio

PATIENCE = 20


def report(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Recovering(socketio.AsyncClientNamespace):
    """docs/recovery.md has it."""

    def __init__(self, member):
        super().__init__("/")
        self.member, self.session, self.offset = member, {}, None

    def auth(self):
        known = {"pid": self.session.get("pid"), "offset": self.offset}
        return {"recovery": True, **{name: value for name, value in known.items() if value}}

    async def trigger_event(self, event, *args):
        if event == "realtime:session":
            self.session = args[0]
            if not self.session["recovered"]:
                self.offset = None
            return await self.member.came(self.session["recovered"])
        if event == "disconnect":
            self.member.left(args[0] if args else "")
        if self.session and args and isinstance(args[-1], str) and re.fullmatch(r"\d+-\d+", args[-1]):
            *args, offset = args
            self.offset = offset
        if event == "message":
            self.member.heard(args[0]["data"])
        return await super().trigger_event(event, *args)


class Account:
    def __init__(self):
        self.began = time.monotonic()
        self.reasons, self.returns, self.away, self.sent, self.members = {}, {}, [], {}, []
        self.counts = dict.fromkeys(["published", "confirmed", "heard", "duplicated", "disordered", "recovered", "joined"], 0)
        self.last = self.began

    def missing(self, member):
        theirs = [(name, number) for name, (room, number) in self.sent.items() if room == member.room]
        return sum(number - len(member.seen.get(name, ())) for name, number in theirs)

    def second(self):
        report("second", **self.counts)

    def summary(self):
        seconds = int(time.monotonic() - self.began)
        counts = {**self.counts, "lost": sum(map(self.missing, self.members))}
        unconfirmed = counts["published"] - counts["confirmed"]
        returns = [self.returns.get(second, 0) for second in range(seconds)]
        return dict(seconds=seconds, reasons=self.reasons, returns=returns, away=sorted(self.away), unconfirmed=unconfirmed, **counts)


class Member:
    def __init__(self, options, index, account):
        self.options, self.account = options, account
        self.name = f"{options.prefix}-{index}"
        self.room = f"{options.prefix}-{index // options.room}"
        self.seen, self.open, self.number, self.gone = {}, {}, 0, None
        self.joined, self.is_ending = asyncio.Event(), False
        self.client = socketio.AsyncClient()
        self.chat = Recovering(self)
        self.client.register_namespace(self.chat)

    async def connect(self):
        options = self.options
        headers = {"Host": options.host} if options.host else {}
        await self.client.connect(options.url, headers=headers, auth=self.chat.auth, socketio_path=options.path, transports=["websocket"])
        await self.joined.wait()

    async def came(self, recovered):
        if self.gone is not None:
            now = time.monotonic()
            self.account.away.append(round((now - self.gone) * 1000))
            second = int(now - self.account.began)
            self.account.returns[second] = self.account.returns.get(second, 0) + 1
            self.account.counts["recovered" if recovered else "joined"] += 1
            self.gone = None
        if recovered:
            return await self.repeat()

        async def joined(*_):
            if not self.joined.is_set():
                self.account.members.append(self)
                self.joined.set()
            await self.repeat()

        await self.client.emit("join", {"room": self.room}, callback=joined)

    async def repeat(self):
        for message in list(self.open.values()):
            await self.send(message)

    def left(self, reason):
        if not self.is_ending:
            self.account.reasons[reason] = self.account.reasons.get(reason, 0) + 1
            self.gone = time.monotonic()

    def heard(self, data):
        counts, name, number = self.account.counts, data["from"], data["number"]
        counts["heard"] += 1
        seen = self.seen.setdefault(name, set())
        if number in seen:
            counts["duplicated"] += 1
        elif seen and number < max(seen):
            counts["disordered"] += 1
        seen.add(number)

    async def publish(self):
        await asyncio.sleep(random.random() * self.options.every / 1000)
        while True:
            self.number += 1
            message = {"from": self.name, "number": self.number}
            self.open[self.number] = message
            self.account.counts["published"] += 1
            self.account.sent[self.name] = (self.room, self.number)
            self.account.last = time.monotonic()
            if self.gone is None:
                await self.send(message)
            await asyncio.sleep(self.options.every / 1000)

    async def send(self, message):
        def confirmed(*_):
            if self.open.pop(message["number"], None):
                self.account.counts["confirmed"] += 1

        identity = f"{self.name}-{message['number']}"
        try:
            await self.client.emit("publish", {"room": self.room, "data": message, "id": identity}, callback=confirmed)
        except socketio.exceptions.SocketIOError:
            pass  # It has just lost its connection, and repeats this one when it is back.


async def lines():
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


async def main(options):
    account = Account()
    members = [Member(options, index, account) for index in range(options.count)]
    await asyncio.gather(*(member.connect() for member in members))
    account.began = time.monotonic()
    report("connected", count=options.count)
    publishers = [asyncio.create_task(member.publish()) for member in members]

    async def seconds():
        while True:
            await asyncio.sleep(1)
            account.second()

    clock = asyncio.create_task(seconds())
    async for command in lines():
        if command.get("settle"):
            for publisher in publishers:
                publisher.cancel()
            while any(member.open or account.missing(member) for member in members):
                if time.monotonic() - account.last > PATIENCE:
                    break
                await asyncio.sleep(0.1)
            report("settled")
        if command.get("close"):
            break
    clock.cancel()
    summary = account.summary()
    for member in members:
        member.is_ending = True
        await member.client.disconnect()
    report("account", **summary)


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--host")
    parser.add_argument("--path", default="/oursocketio")
    parser.add_argument("--prefix", default="room")
    for name, default in [("--count", 20), ("--room", 10), ("--every", 1000)]:
        parser.add_argument(name, type=int, default=default)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(parse()))
