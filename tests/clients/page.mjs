// A page in a real, headless Chromium. `node page.mjs --help` says how to drive it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { commands, main, report } from './lines.mjs';

const HELP = `usage: node page.mjs --url URL [--timeout MILLISECONDS] [--map 'MAP HOST ADDRESS'] [--ca FILE]

--map is a rule of Chromium's --host-resolver-rules; --ca a certificate authority, in PEM, that this browser trusts.

commands, one a line, each answered by one "result" or "error" (with the command's "id"):
  {"goto": "http://..."} {"reload": true} {"eval": "javascript"} {"waitFor": "javascript"} {"fill": ["#css", "text"]}
  {"click": "#css"} {"screenshot": "file.png"} {"close": true}; any may have "timeout" in milliseconds
events, one a line: open console page_error request_failed response (from 400 on) websocket websocket_close failed
The end of standard input closes the browser. CHROMIUM names another browser than /usr/bin/chromium.
`;

// Quiet: nothing but the page's own requests leaves this browser.
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const { values: flags } = parseArgs({
  options: {
    url: { type: 'string' },
    timeout: { type: 'string', default: '10000' },
    map: { type: 'string' },
    ca: { type: 'string' },
    help: { type: 'boolean' },
  },
});

await main(async () => {
  if (flags.help) return void process.stdout.write(HELP);
  if (!flags.url) throw new Error('--url is missing');
  const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
  const args = flags.map ? [...ARGS, `--host-resolver-rules=${flags.map}`] : ARGS;
  const home = flags.ca ? trusting(flags.ca) : undefined;
  const env = home ? { ...process.env, HOME: home } : process.env;
  const browser = await chromium.launch({ executablePath, headless: true, args, env });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(Number(flags.timeout));
    watch(page);
    await open(page, flags.url);
    for await (const command of commands()) {
      if (command.close) break;
      await answer(page, command);
    }
  } finally {
    await browser.close();
    if (home) rmSync(home, { recursive: true, force: true });
  }
});

// Chromium on Linux takes a user's own authorities from the NSS database in the home folder.
function trusting(ca) {
  const home = mkdtempSync(join(tmpdir(), 'page-'));
  const folder = join(home, '.pki/nssdb');
  mkdirSync(folder, { recursive: true });
  const certutil = (...args) => execFileSync('certutil', ['-d', `sql:${folder}`, ...args]);
  certutil('-N', '--empty-password');
  certutil('-A', '-t', 'C,,', '-n', 'local', '-i', ca);
  return home;
}

function watch(page) {
  page.on('console', (message) => report('console', { type: message.type(), text: message.text() }));
  page.on('pageerror', (error) => report('page_error', { message: error.message }));
  page.on('requestfailed', (request) => {
    report('request_failed', { method: request.method(), url: request.url(), error: request.failure()?.errorText });
  });
  page.on('response', (response) => {
    if (response.status() >= 400) report('response', { url: response.url(), status: response.status() });
  });
  page.on('websocket', (socket) => {
    report('websocket', { url: socket.url() });
    let error;
    socket.on('socketerror', (message) => (error = message));
    socket.on('close', () => report('websocket_close', { url: socket.url(), error }));
  });
}

async function open(page, url) {
  const response = await page.goto(url, { waitUntil: 'load' });
  report('open', { url: page.url(), status: response?.status() });
}

async function answer(page, command) {
  const { id, timeout } = command;
  try {
    report('result', { id, value: await run(page, command, timeout ? { timeout } : {}) });
  } catch (error) {
    report('error', { id, message: error.message });
  }
}

async function run(page, command, options) {
  if (command.goto) return await open(page, command.goto);
  if (command.reload) return await open(page, page.url());
  if (command.eval) return plain(await page.evaluate(command.eval));
  if (command.waitFor) {
    // By a timer: a page in the background has no animation frames.
    const found = await page.waitForFunction(command.waitFor, undefined, { polling: 20, ...options });
    return plain(await found.jsonValue());
  }
  if (command.fill) return await page.fill(...command.fill, options);
  if (command.click) return await page.click(command.click, options);
  if (command.screenshot) return void (await page.screenshot({ path: command.screenshot, fullPage: true }));
  throw new Error(`unknown command: ${JSON.stringify(command)}`);
}

// What an expression evaluates to may have circles in it; that it ran is worth an answer all the same.
function plain(value) {
  try {
    JSON.stringify(value);
    return value;
  } catch {
    return String(value);
  }
}
