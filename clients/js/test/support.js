// The real server on free ports, behind a line that can be cut.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MANIFEST = `
apiVersion: realtime-operator.dev/v1alpha1
kind: RealtimeService
metadata: {name: chat}
spec: {host: chat.domain-a.com, origins: {allow: ["https://app.domain-b.com"]}}
`;
const root = fileURLToPath(new URL('../../..', import.meta.url));
const require = createRequire(join(root, 'tests/clients/package.json'));

// Node 22 has a WebSocket of its own, which versions 2 and 3 would take for a browser's.
delete globalThis.WebSocket;

export const versions = {
  2: require('socket.io-client-v2'),
  3: require('socket.io-client-v3').io,
  4: require('socket.io-client').io,
};

export async function startServer(...options) {
  const program = process.env.REALTIME_SERVER ?? join(root, 'target/debug/realtime-server');
  const folder = mkdtempSync(join(tmpdir(), 'realtime-client-'));
  const file = join(folder, 'chat.yaml');
  writeFileSync(file, MANIFEST);
  const ports = ['--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'];
  const child = spawn(program, ['--policy-file', file, ...ports, ...options], { stdio: ['ignore', 'pipe', 'ignore'] });
  const started = new Promise((resolve, reject) => {
    child.once('error', () => reject(new Error(`${program} cannot be started; cargo build -p realtime-server makes it`)));
    createInterface(child.stdout).once('line', resolve);
  });
  const { listening } = JSON.parse(await started);
  const line = await startLine(Number(listening.split(':')[1]));
  const stop = () => {
    line.stop();
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  return { url: `http://127.0.0.1:${line.port}`, cut: line.cut, mend: line.mend, stop };
}

function startLine(target) {
  const open = new Set();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) return near.destroy();
    const far = createConnection(target, '127.0.0.1');
    for (const socket of [near, far]) socket.on('error', () => {}).setNoDelay();
    near.pipe(far).pipe(near);
    open.add(near);
    near.on('close', () => far.destroy());
    far.on('close', () => {
      open.delete(near);
      near.destroy();
    });
  });
  const cut = () => {
    isCut = true;
    open.forEach((near) => near.destroy());
  };
  const mend = () => (isCut = false);
  const stop = () => {
    server.close();
    cut();
  };
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve({ port: server.address().port, cut, mend, stop }));
  });
}
