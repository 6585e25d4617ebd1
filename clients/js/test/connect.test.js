import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { outputs } from '../build.js';
import { connect } from '../index.js';
import { startServer, versions } from './support.js';

const OPTIONS = { path: '/socket.io', forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 100 };

/** A test with a server of its own. What it opens is closed in the opposite order. */
function withServer(name, body) {
  test(name, { timeout: 20000 }, async () => {
    const server = await startServer('--recovery-window', '60s');
    const closing = [server.stop];
    try {
      await body(server, (close) => closing.unshift(close));
    } finally {
      for (const close of closing) close();
    }
  });
}

function next(socket, event) {
  return new Promise((resolve) => socket.once(event, resolve));
}

function ask(socket, event, argument) {
  return new Promise((resolve) => socket.emit(event, argument, resolve));
}

/** A client that keeps what it is told, and can be waited for. */
function client(after, io, url, options) {
  const told = { sessions: [], gaps: [], messages: [], argumentCounts: new Set() };
  let waiting = [];
  const look = () => (waiting = waiting.filter(({ holds, resolve }) => !holds(told) || resolve()));
  const listeners = {
    onSession: (session) => {
      told.sessions.push(session);
      if (!session.recovered) socket.emit('join', { room: 'lobby' });
      look();
    },
    onGap: (gap) => {
      told.gaps.push(gap);
      look();
    },
  };
  const socket = connect(io, url, { ...OPTIONS, ...options }, listeners);
  after(() => socket.disconnect());
  socket.on('message', (...args) => {
    told.messages.push(args[0].data);
    told.argumentCounts.add(args.length);
    look();
  });
  const until = (holds) => new Promise((resolve) => { waiting.push({ holds, resolve }); look(); });
  return { socket, told, until };
}

for (const [version, io] of Object.entries(versions)) {
  for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
    withServer(`version ${version} over ${transports} loses nothing when its line is cut`, async (server, after) => {
      const publisher = versions[4](server.url, { ...OPTIONS, transports: ['websocket'] });
      after(() => publisher.disconnect());
      const { socket, told, until } = client(after, io, server.url, { transports });
      await until(({ sessions }) => sessions.length === 1);
      await ask(socket, 'join', { room: 'lobby' });
      let sent = 0;
      const publish = async (count) => {
        for (const end = sent + count; sent < end; sent++) await ask(publisher, 'publish', { room: 'lobby', data: sent });
      };
      await publish(10);
      server.cut();
      await Promise.all([next(socket, 'disconnect'), next(publisher, 'disconnect')]);
      server.mend();
      await next(publisher, 'connect');
      await publish(10);
      await until(({ sessions }) => sessions.length === 2);
      await publish(10);
      await until(({ messages }) => messages.length >= 30);
      assert.deepEqual(told.messages, Array.from({ length: 30 }, (_, number) => number));
      assert.deepEqual(told.sessions.map(({ recovered }) => recovered), [false, true]);
      assert.equal(told.sessions[0].id, told.sessions[1].id);
      assert.deepEqual(told.gaps, []);
      // Version 4 leaves the offset where its own recovery puts it.
      assert.deepEqual([...told.argumentCounts], [version === '4' ? 2 : 1]);
    });
  }

  withServer(`version ${version} hears of a gap when another server answers`, async (server, after) => {
    const first = await startServer();
    after(first.stop);
    const { socket, told, until } = client(after, io, first.url, { transports: ['websocket'] });
    await until(({ sessions }) => sessions.length === 1);
    socket.io.uri = server.url;
    first.stop();
    await until(({ gaps }) => gaps.length === 1);
    assert.equal(told.gaps[0].reason, 'unknown_session');
    assert.deepEqual(told.sessions.map(({ recovered }) => recovered), [false, false]);
  });

  withServer(`version ${version} keeps the application's own auth and query`, async (server, after) => {
    const options = { transports: ['websocket'], auth: { token: 'x' }, query: { shop: '7' } };
    const { socket, until } = client(after, io, `${server.url}?place=north`, options);
    await until(({ sessions }) => sessions.length === 1);
    const { query } = socket.io.engine;
    if (version === '2') assert.deepEqual([query.shop, query.place, query.recovery], ['7', 'north', '1']);
    else assert.equal(await new Promise((resolve) => socket.auth(({ token }) => resolve(token))), 'x');
  });

  withServer(`version ${version} is told of its session by a server without recovery`, async (server, after) => {
    const forgetful = await startServer('--recovery-window', '0s');
    after(forgetful.stop);
    const { socket, until } = client(after, io, forgetful.url, { transports: ['websocket'] });
    await until(({ sessions }) => sessions.length === 1);
    forgetful.cut();
    await next(socket, 'disconnect');
    forgetful.mend();
    await until(({ sessions }) => sessions.length === 2 && !sessions[1].recovered);
  });
}

test('what require and import give is made from the same source', () => {
  for (const [name, text] of Object.entries(outputs())) {
    const written = readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
    assert.equal(written, text, `${name} is stale: npm run build`);
  }
});
