// What was sent, what was expected, and what was the response?
//
// A row is `{ path, credential, token, expected }` with these optional members:
// - `because`: the expected challenge of a rejection, so that a 401 for another reason fails;
// - `asks`: how many requests it causes at the issuer's introspection endpoint;
// - `prepare`: an action before the request; `tls`: `{ ca, cert, key }` of the request;
// - `headers`: a function of the request's URL that returns headers, in place of the token;
// - `seen`: a function that receives the response.

import { get } from '../__test__/support/http.mjs';

const INTROSPECTION = '/token/introspection';
const HEADINGS = ['', 'API', 'request', 'token', 'expected', 'answered', 'reason when refused'];

/** Calls `api` (`{ name, url }`) for each row, one after the other. */
export async function callAll(api, rows, server) {
  const results = [];
  for (const row of rows) {
    await row.prepare?.();
    const before = introspections(server);
    const url = api.url + row.path;
    const answer = await get(url, row.headers ? { headers: row.headers(url) } : { token: row.token, ...row.tls });
    row.seen?.(answer);
    results.push(check(api, row, answer, introspections(server) - before));
  }
  return results;
}

function check(api, row, answer, asked) {
  const reason = answer.status === 200 ? '' : reasonOf(answer);
  const asExpected =
    answer.status === row.expected &&
    (row.because === undefined || row.because.test(answer.headers['www-authenticate'] ?? '')) &&
    (row.asks === undefined || row.asks === asked);
  return {
    asExpected,
    cells: [
      asExpected ? '✓' : '✗',
      api.name,
      `GET ${row.path}`,
      row.credential,
      row.asks === undefined ? `${row.expected}` : `${row.expected}, asks ${row.asks}`,
      row.asks === undefined ? `${answer.status}` : `${answer.status}, asks ${asked}`,
      reason,
    ],
  };
}

/** RFC 6750 §3: the challenge gives the reason if there was a token. */
function reasonOf({ headers, body }) {
  const challenge = headers['www-authenticate'];
  if (challenge === undefined) {
    return body?.message ?? '';
  }
  const parameters = Object.fromEntries(
    [...challenge.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value]),
  );
  if (parameters.error_description) {
    return parameters.error_description;
  }
  const { error = `challenge: ${challenge}`, scope } = parameters;
  return scope === undefined ? error : `${error}: ${scope}`;
}

const introspections = ({ counts }) => counts[INTROSPECTION] ?? 0;

/** Prints all results and a summary; returns whether every row is as expected. */
export function print(results, server) {
  const table = [HEADINGS, ...results.map(({ cells }) => cells)];
  const widths = HEADINGS.map((_, column) => Math.max(...table.map((cells) => cells[column].length)));
  const line = (cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd();
  const [headings, ...lines] = table.map(line);
  console.log(headings);
  console.log('─'.repeat(Math.max(...lines.map(({ length }) => length))));
  lines.forEach((text) => console.log(text));

  const failures = results.filter(({ asExpected }) => !asExpected).length;
  console.log(`\nIssuer ${server.issuer}: ${asText(server.counts)}`);
  console.log(
    failures === 0
      ? `All ${results.length} rows are as expected.`
      : `${failures} of ${results.length} rows are NOT as expected.`,
  );
  return failures === 0;
}

const asText = (counts) =>
  Object.entries(counts)
    .map(([path, count]) => `${count} × ${path}`)
    .join(', ');
