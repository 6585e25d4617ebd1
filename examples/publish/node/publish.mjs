// Publishes a message to a room: PUBLISH_URL=http://chat.team-a:8083/publish PUBLISH_TOKEN=... node publish.mjs lobby hello
const [room, text] = process.argv.slice(2);
const event = { id: crypto.randomUUID(), event: 'message', rooms: [room], data: { text } };

async function publish(attempt = 1) {
  const answer = await fetch(process.env.PUBLISH_URL, {
    method: 'POST',
    headers: { authorization: `Bearer ${process.env.PUBLISH_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(event),
    signal: AbortSignal.timeout(10_000),
  }).catch((error) => ({ status: 503, text: () => String(error) }));
  if (answer.status < 500) return answer;
  if (attempt === 5) throw new Error(`${answer.status} ${await answer.text()}`);
  // The same id again: who got it already does not get it twice.
  await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** attempt * Math.random()));
  return publish(attempt + 1);
}

const answer = await publish();
console.log(await answer.text());
process.exitCode = answer.ok ? 0 : 1;
