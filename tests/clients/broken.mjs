// Socket.IO servers, each with one mistake that people make, and two right ones. `node broken.mjs --origin ORIGIN` starts all,
// says {"event": "listening", "ports": {NAME: PORT}}, and ends with its standard input.
import { createServer, request as ask } from 'node:http';
import { createServer as createTcpServer, connect } from 'node:net';
import { parseArgs } from 'node:util';
import { Server } from 'socket.io';
import { commands, main, report } from './lines.mjs';

const { values: flags } = parseArgs({ options: { origin: { type: 'string' } } });
const { origin } = flags;

/** Refuses what is not the page, at both doors. */
const allowRequest = (request, callback) => {
  const given = request.headers.origin;
  const may = given === undefined || given === origin;
  callback(may ? null : 'origin not allowed', may);
};

/** Socket.IO behind a handler that may answer first; what is left gets 404. */
function server(options, before) {
  const http = createServer((_, response) => {
    if (!response.headersSent) response.writeHead(404, { 'content-type': 'text/plain' }).end('Cannot GET here\n');
  });
  new Server(http, { serveClient: false, ...options });
  if (!before) return http;
  const [engine] = http.listeners('request');
  http.removeAllListeners('request');
  http.on('request', (request, response) => before(request, response) || engine(request, response));
  return http;
}

const end = (response, status, headers = {}, body = '') => {
  response.writeHead(status, headers).end(body);
  return true;
};

/** Spreads connections over servers in turn, as a load balancer without affinity does. */
async function balanced(servers) {
  const ports = await Promise.all(servers.map(listen));
  let next = 0;
  return createTcpServer((client) => {
    const upstream = connect(ports[next++ % ports.length], '127.0.0.1');
    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      from.on('error', () => to.destroy()).on('close', () => to.destroy());
      from.pipe(to);
    }
  });
}

/** Spreads by a cookie that browsers do not send across sites. */
async function byCookie(servers) {
  const ports = await Promise.all(servers.map(listen));
  let next = 0;
  const proxy = createServer((incoming, outgoing) => {
    const known = /(?:^|; )replica=(\d)/.exec(incoming.headers.cookie ?? '')?.[1];
    const replica = known ?? String(next++ % ports.length);
    const { method, url: path, headers } = incoming;
    const upstream = ask({ port: ports[replica], host: '127.0.0.1', method, path, headers }, (answer) => {
      const cookie = known ? {} : { 'set-cookie': `replica=${replica}; Path=/; HttpOnly` };
      outgoing.writeHead(answer.statusCode, { ...answer.headers, ...cookie });
      answer.pipe(outgoing);
    });
    upstream.on('error', () => end(outgoing, 502));
    incoming.pipe(upstream);
  });
  proxy.on('upgrade', ({ method, url: path, headers }, client) => {
    const upstream = ask({ port: ports[next++ % ports.length], host: '127.0.0.1', method, path, headers }).end();
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    const head = ({ statusCode, statusMessage, rawHeaders }) => {
      const pairs = rawHeaders.map((text, at) => (at % 2 ? `${text}\r\n` : `${text}: `));
      client.write(`HTTP/1.1 ${statusCode} ${statusMessage}\r\n${pairs.join('')}\r\n`);
    };
    upstream.on('response', (answer) => (head(answer), answer.pipe(client)));
    upstream.on('upgrade', (answer, server, first) => {
      head(answer);
      client.write(first);
      server.on('error', () => client.destroy());
      server.pipe(client).pipe(server);
    });
  });
  return proxy;
}

function listen(http) {
  return new Promise((done) => http.listen(0, '127.0.0.1', () => done(http.address().port)));
}

const cors = { origin };
const isOptions = ({ method }) => method === 'OPTIONS';
const right = () => server({ cors, allowRequest });
const html = { 'content-type': 'text/html' };

const SERVERS = {
  right,
  'cors-alone': () => server({ cors }),
  'no-cors': () => server({}),
  'other-origin': () => server({ cors: { origin: 'https://app.domain-c.com' } }),
  slash: () => server({ cors: { origin: `${origin}/` } }),
  'wildcard-with-credentials': () => server({ cors: { origin: '*', credentials: true } }),
  'credentials-not-allowed': () => server({ cors }),
  'cors-twice': () =>
    server({}, (_, response) => void response.appendHeader('access-control-allow-origin', [origin, '*'])),
  'auth-before-cors': () =>
    server({ cors, allowRequest }, ({ headers }, response) => {
      if (!headers.authorization) return end(response, 401, { 'www-authenticate': 'Bearer' }, 'Unauthorized');
    }),
  'router-without-options': () =>
    server({ cors, allowRequest }, (request, response) => isOptions(request) && end(response, 405, { allow: 'GET, POST' })),
  'redirected-options': () =>
    server({ cors, allowRequest }, (request, response) => isOptions(request) && end(response, 308, { location: '/login' })),
  'options-without-cors': () =>
    server({ cors, allowRequest }, (request, response) => isOptions(request) && end(response, 200, {}, 'ok')),
  'any-header': () => server({ cors: { origin, allowedHeaders: '*' }, allowRequest }),
  'any-header-with-credentials': () =>
    server({ cors: { origin, credentials: true, allowedHeaders: '*' }, allowRequest }),
  'header-not-listed': () => server({ cors: { origin, allowedHeaders: ['Content-Type'] }, allowRequest }),
  'headers-misspelt': () => server({ cors: { origin, allowedHeaders: 'Authorization Content-Type' }, allowRequest }),
  'token-refused': () =>
    server({ cors, allowRequest }, (request, response) => {
      if (isOptions(request)) return false;
      return end(response, 401, { 'access-control-allow-origin': origin }, 'token expired');
    }),
  'origin-check': () => server({ cors, allowRequest: (_, callback) => callback('origin not allowed', false) }),
  'other-path': () => right(),
  'single-page-app': () =>
    server({ cors, allowRequest }, ({ url }, response) => !url.startsWith('/socket.io/') && end(response, 200, html, '<!doctype html><title>app</title>')),
  'polling-alone': () => server({ cors, allowRequest, transports: ['polling'] }),
  'websocket-alone': () => server({ cors, allowRequest, transports: ['websocket'] }),
  'two-replicas': () => balanced([right(), right()]),
  'cookie-affinity': () => byCookie([right(), right()]),
  silent: () => createTcpServer(() => {}),
  closing: () => createTcpServer((socket) => socket.once('data', () => socket.end())),
  'connect-refused': () => {
    const http = createServer();
    new Server(http, { cors, allowRequest }).use((_, next) => next(new Error('no token')));
    return http;
  },
};

await main(async () => {
  const ports = {};
  for (const [name, start] of Object.entries(SERVERS)) ports[name] = await listen(await start());
  report('listening', { ports });
  for await (const command of commands()) if (command.close) break;
});
