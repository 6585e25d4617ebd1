// Which close makes a real client come back by itself, how soon, and which one makes it stay away: `node probe.mjs [--write FILE]`.
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { load } from '../../../clients/clients.mjs';
import { listen } from './endpoint.mjs';
import { POLLING, WEBSOCKET } from './ways.mjs';

const HELP = `usage: node probe.mjs [--python PYTHON] [--samples 8] [--write FILE]
  --python  an interpreter that has python-socketio and aiohttp; left out without
  --write   put the table into this file, between its two marks
`;
/** Twice the longest first delay that any client has by default. */
const PATIENCE = 6000;
const MARKS = ['<!-- closes: begin -->', '<!-- closes: end -->'];

const { values: flags } = parseArgs({
  options: {
    python: { type: 'string' },
    samples: { type: 'string', default: '8' },
    write: { type: 'string' },
    help: { type: 'boolean' },
  },
});
if (flags.help) {
  process.stdout.write(HELP);
  process.exit();
}

const samples = Number(flags.samples);
const ways = { websocket: Object.keys(WEBSOCKET), polling: Object.keys(POLLING) };
const from = createRequire(new URL('../../../clients/', import.meta.url));
const { WebSocketServer } = from('ws');
const runs = new Map();
const run = (client, way) => {
  const key = `${client}|${way}`;
  if (!runs.has(key)) runs.set(key, { closed: new Map(), delays: [], reasons: new Set(), codes: new Set() });
  return runs.get(key);
};

const endpoint = await listen({ WebSocketServer, assets: { '/v4.js': new URL('../../../clients/node_modules/socket.io-client/dist/socket.io.min.js', import.meta.url) } }, (seen) => {
  const { closed, delays } = run(seen.client, seen.way);
  if (seen.kind === 'close') {
    if (!closed.has(seen.number)) closed.set(seen.number, { at: seen.at, isBack: false });
    return;
  }
  const close = closed.get(seen.number);
  if (!close || close.isBack) return;
  close.isBack = true;
  delays.push(seen.at - close.at);
});

const ends = [nodeClients('4'), nodeClients('3'), nodeClients('2'), await chromium()];
if (flags.python) ends.push(await python(flags.python));
await new Promise((done) => setTimeout(done, 1000 + PATIENCE + 2000));
const table = markdown();
await Promise.all(ends.map((end) => end()));
endpoint.end();
if (flags.write) await put(flags.write, table);
else process.stdout.write(table);
process.exit();

function nodeClients(version) {
  const { io } = load(version, { refusals() {}, closes() {} });
  const client = `socket.io-client ${version === '2' ? 2 : version} in Node`;
  const sockets = each((transport, way, number) => {
    const query = { client, way, number };
    const options = { transports: [transport], query, forceNew: true, path: '/socket.io' };
    const socket = io(`http://127.0.0.1:${endpoint.port}`, options);
    socket.once('connect', () => {
      socket.io.engine.transport.ws?.on('close', (code) => run(client, way).codes.add(code));
    });
    socket.once('disconnect', (reason) => run(client, way).reasons.add(reason));
    return socket;
  });
  return () => sockets.forEach((socket) => socket.close());
}

async function chromium() {
  const { chromium } = from('playwright-core');
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  const client = 'socket.io-client 4 in Chromium';
  const page = await browser.newPage();
  await page.exposeFunction('noted', (way, kind, value) => run(client, way)[kind].add(value));
  await page.goto(`http://127.0.0.1:${endpoint.port}/`);
  const tasks = each((transport, way, number, index) => ({ transport, way, number: String(number), index }));
  await page.evaluate(
    ({ tasks, port, client }) => {
      for (const { transport, way, number, index } of tasks) {
        // A browser has six connections to a host at most, and polls of many sessions would wait for each other.
        const url = `http://127.0.${1 + (index >> 7)}.${1 + (index & 127)}:${port}`;
        const socket = io(url, { transports: [transport], query: { client, way, number }, forceNew: true });
        socket.once('connect', () => {
          socket.io.engine.transport.ws?.addEventListener('close', ({ code }) => noted(way, 'codes', code));
        });
        socket.once('disconnect', (reason) => noted(way, 'reasons', reason));
      }
    },
    { tasks, port: endpoint.port, client },
  );
  return () => browser.close();
}

async function python(interpreter) {
  const task = { url: `http://127.0.0.1:${endpoint.port}`, ways, samples };
  const child = spawn(interpreter, [new URL('python_client.py', import.meta.url).pathname, JSON.stringify(task)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { way, reason } = JSON.parse(line);
    run('python-socketio', way).reasons.add(reason ?? '');
  });
  return () => new Promise((ended) => (child.once('exit', ended), child.kill('SIGKILL')));
}

function each(make) {
  let index = 0;
  return Object.entries(ways).flatMap(([transport, names]) =>
    names.flatMap((way) => Array.from({ length: samples }, (_, number) => make(transport, way, number, index++))),
  );
}

function markdown() {
  const clients = [...new Set([...runs.keys()].map((key) => key.split('|')[0]))];
  const rows = ({ transport, names }) =>
    names.map((way) => `| ${transport} | ${way} | ${clients.map((client) => cell(client, way)).join(' | ')} |`);
  const lines = Object.entries(ways).flatMap(([transport, names]) => rows({ transport, names }));
  const head = `| transport | what the server does | ${clients.join(' | ')} |\n|${' --- |'.repeat(clients.length + 2)}`;
  return `${head}\n${lines.join('\n')}\n`;
}

function cell(client, way) {
  const { closed, delays, reasons, codes } = run(client, way);
  const words = [[...codes].join('/'), [...reasons].map((reason) => `“${reason}”`).join('/')].filter(Boolean).join(' ');
  const seconds = (ms) => (ms / 1000).toFixed(1);
  if (delays.length === 0) return reasons.size === 0 ? 'stays connected' : `**stays away**, ${words}`;
  const all = delays.length === closed.size ? '' : `${delays.length} of ${closed.size} `;
  return `${all}back in ${seconds(Math.min(...delays))}–${seconds(Math.max(...delays))} s, ${words}`;
}

async function put(file, table) {
  const text = await readFile(file, 'utf8');
  const [begin, end] = MARKS.map((mark) => text.indexOf(mark));
  if (begin < 0 || end < begin) throw new Error(`${file} lacks ${MARKS.join(' and ')}`);
  await writeFile(file, `${text.slice(0, begin + MARKS[0].length)}\n${table}${text.slice(end)}`);
}
