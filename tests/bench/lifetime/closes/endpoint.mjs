// Just enough of Engine.IO 3 and 4 and Socket.IO to get a client connected, and then to close on it in one of the ways.
import { createServer } from 'node:http';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { POLLING, WEBSOCKET } from './ways.mjs';

/** How long a client is connected before the close. */
const CONNECTED = 1000;

/**
 * @param {{WebSocketServer: Function, assets: Record<string, string>}} parts
 * @param {(event: {kind: 'handshake'|'close', client: string, way: string, number: string, at: number}) => void} seen
 */
export async function listen({ WebSocketServer, assets }, seen) {
  const sessions = new Map();
  const sockets = new WebSocketServer({ noServer: true });
  const server = createServer((request, response) => serve(request, response, sessions, assets, seen));
  server.on('upgrade', (request, tcp, head) => {
    const query = new URL(request.url, 'http://a').searchParams;
    seen(event('handshake', query));
    sockets.handleUpgrade(request, tcp, head, (socket) => open(socket, tcp, query, seen));
  });
  await new Promise((ready) => server.listen(0, '0.0.0.0', ready));
  return { port: server.address().port, end: () => (server.closeAllConnections(), server.close()) };
}

const event = (kind, query) => ({
  kind,
  client: query.get('client'),
  way: query.get('way'),
  number: query.get('number'),
  at: performance.now(),
});

const hello = (sid) => '0' + JSON.stringify({ sid, upgrades: [], pingInterval: 300000, pingTimeout: 200000, maxPayload: 1e6 });

function open(socket, tcp, query, seen) {
  const sid = randomBytes(12).toString('hex');
  socket.on('error', () => {});
  const later = () =>
    setTimeout(() => {
      seen(event('close', query));
      WEBSOCKET[query.get('way')]?.({ socket, tcp });
    }, CONNECTED);
  socket.send(hello(sid));
  if (query.get('EIO') === '3') {
    socket.send('40');
    later();
  }
  socket.on('message', (data) => {
    const text = data.toString();
    if (text === '2') socket.send('3');
    if (!text.startsWith('40')) return;
    socket.send(`40{"sid":"${sid}"}`);
    later();
  });
}

async function serve(request, response, sessions, assets, seen) {
  const url = new URL(request.url, 'http://a');
  const query = url.searchParams;
  response.setHeader('access-control-allow-origin', request.headers.origin ?? '*');
  response.setHeader('access-control-allow-credentials', 'true');
  if (assets[url.pathname]) return response.end(await readFile(assets[url.pathname]));
  if (url.pathname === '/') {
    response.setHeader('content-type', 'text/html');
    return response.end('<!doctype html><title>probe</title><script src="/v4.js"></script>');
  }
  if (!query.has('transport')) return response.writeHead(404).end();
  if (!query.has('sid')) return handshake(query, response, sessions, seen);
  const session = sessions.get(query.get('sid'));
  if (!session) return response.writeHead(400).end('{"code":1,"message":"Session ID unknown"}');
  if (request.method === 'GET') return session.poll(request, response);
  let body = '';
  for await (const chunk of request) body += chunk;
  if (body.includes('40')) session.send([`40{"sid":"${session.sid}"}`]);
  response.end('ok');
}

function handshake(query, response, sessions, seen) {
  seen(event('handshake', query));
  const session = new Session(query, sessions);
  sessions.set(session.sid, session);
  response.end(session.encode([hello(session.sid)]));
  if (session.isOld) session.send(['40']);
  setTimeout(() => {
    seen(event('close', query));
    session.close();
  }, CONNECTED);
}

class Session {
  constructor(query, sessions) {
    this.sid = randomBytes(12).toString('hex');
    this.isOld = query.get('EIO') === '3';
    this.way = POLLING[query.get('way')];
    this.sessions = sessions;
    this.queue = [];
  }

  encode(packets) {
    return this.isOld ? packets.map((packet) => `${packet.length}:${packet}`).join('') : packets.join('\x1e');
  }

  send(packets) {
    this.queue.push(...packets);
    this.flush();
  }

  poll(request, response) {
    this.waiting = { request, response };
    this.flush();
    this.onPoll?.();
  }

  flush() {
    if (!this.waiting || this.queue.length === 0) return;
    this.waiting.response.end(this.encode(this.queue.splice(0)));
    this.waiting = undefined;
  }

  /** Acts on the poll that waits, or on the next one. */
  close() {
    if (!this.waiting) return void (this.onPoll = () => this.waiting && this.close());
    this.onPoll = undefined;
    const { request, response } = this.waiting;
    this.waiting = undefined;
    let isKept = false;
    this.way?.({
      keep: () => (isKept = true),
      answer: (status, packets) => response.writeHead(status).end(this.encode(packets)),
      refuse: (status, body) => response.writeHead(status).end(JSON.stringify(body)),
      tcp: request.socket,
    });
    if (!isKept) this.sessions.delete(this.sid);
  }
}
