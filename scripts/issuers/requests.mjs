// What does a client send to an authorization server to get, revoke and configure something?

const REQUEST_MS = 10_000;
const WAIT_MS = 30_000;
const POLL_MS = 100;

/** Posts a form; returns the JSON. Rejects unless the status is 200. */
export async function postForm(url, fields, { headers } = {}) {
  const { body } = await exchange(url, { method: 'POST', headers, body: new URLSearchParams(fields) });
  return body;
}

/** Sends JSON; returns `{ status, headers, body }`. Rejects unless the status is 2xx. */
export function sendJson(method, url, value, { headers } = {}) {
  const body = value === undefined ? undefined : JSON.stringify(value);
  return exchange(url, { method, headers: { ...(body && { 'content-type': 'application/json' }), ...headers }, body });
}

/** Calls `check` until it returns something truthy, at most half a minute; returns that. */
export async function waitFor(check) {
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`still not so: ${check}`);
    await new Promise((resolve) => {
      setTimeout(resolve, POLL_MS);
    });
  }
}

/** Asks for an authorization code (RFC 6749 §4.1) of a server that needs no consent; returns the code. */
export async function codeOf(url, query, { headers } = {}) {
  const { status, headers: answer } = await fetch(`${url}?${new URLSearchParams(query)}`, {
    redirect: 'manual',
    headers,
    signal: AbortSignal.timeout(REQUEST_MS),
  });
  const location = answer.get('location');
  const code = location && new URL(location, url).searchParams.get('code');
  if (!code) throw new Error(`GET ${new URL(url).pathname}: ${status}, without a code`);
  return code;
}

/** The credentials as they are, or form-encoded first (RFC 6749 §2.3.1). */
export function basic(id, secret, { isEncoded = false } = {}) {
  const part = isEncoded ? (text) => new URLSearchParams({ '': text }).toString().slice(1) : (text) => text;
  return { authorization: `Basic ${Buffer.from(`${part(id)}:${part(secret)}`).toString('base64')}` };
}

async function exchange(url, init) {
  const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(REQUEST_MS), ...init });
  const text = await response.text();
  if (!response.ok)
    throw new Error(`${init.method} ${new URL(url).pathname}: ${response.status} ${text.slice(0, 300)}`);
  return { status: response.status, headers: response.headers, body: parsed(text) };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
