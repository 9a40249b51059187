// The page of the inspector. Everything that comes from a token, a proof or a server is shown by `textContent` alone.

'use strict';

const SIGNS = {
  passed: ['✓', 'good', 'passed'],
  failed: ['✗', 'bad', 'failed'],
  not_reached: ['–', 'wait', 'not reached'],
};
const VERDICTS = {
  accepted: ['✓ Accepted', 'good'],
  refused: ['✗ Rejected', 'bad'],
  undecided: ['– Not decided', 'wait'],
};
const TIMES = ['exp', 'nbf', 'iat', 'auth_time'];
const FIELDS = ['token', 'scopes', 'proof', 'method', 'url', 'certificate'];
/** The rules whose values are not personal. The redacted report has these values and no others. */
const SHARED = [
  'algorithm',
  'type',
  'issuer',
  'audience',
  'expiry',
  'start of validity',
  'time of issue',
  'proof method',
];

/** @param {string} id */
const at = (id) => /** @type {any} */ (document.getElementById(id));

/**
 * Creates an element with text or children.
 *
 * @param {string} name
 * @param {string} [className]
 * @param {...(string | Node | undefined)} content
 */
function make(name, className = '', ...content) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...content.filter((one) => one !== undefined));
  return element;
}

/** @param {unknown} value */
function shown(value) {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '(absent)');
}

/**
 * A duration in the largest unit that fits.
 *
 * @param {number} seconds
 */
function span(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

/**
 * @param {number} time
 * @param {number} now
 */
function distance(time, now) {
  return time > now ? `in ${span(time - now)}` : `${span(now - time)} ago`;
}

/**
 * @param {string} title
 * @param {...(string | Node | undefined)} content
 */
function card(title, ...content) {
  return make('section', 'card', make('h2', '', title), ...content);
}

/**
 * @param {string[]} heads
 * @param {(string | Node)[][]} rows
 */
function table(heads, rows) {
  const head = make('tr', '', ...heads.map((text) => make('th', '', text)));
  const body = rows.map((cells) => make('tr', '', ...cells.map((cell) => make('td', '', cell))));
  return make('table', '', make('thead', '', head), make('tbody', '', ...body));
}

/** @param {any} answer */
function verdictOf({ explanation, issuer }) {
  const { decision, reason, message, fix, kind } = explanation;
  const [text, className] = VERDICTS[/** @type {keyof typeof VERDICTS} */ (decision)];
  const title = make('h2', `verdict ${className}`, text);
  title.id = 'verdict';
  title.tabIndex = -1;
  const how = kind === 'opaque' ? `Introspected by ${issuer}.` : 'Checked on this machine as a JWT.';
  return make(
    'section',
    'card',
    title,
    make('p', '', reason ? `${message} (${reason}). ${how}` : how),
    fix === undefined ? undefined : make('p', 'fix', `→ ${fix}`),
  );
}

/** @param {any} explanation */
function rulesOf({ rules }) {
  const items = rules.map((/** @type {any} */ rule) => {
    const [sign, className, word] = SIGNS[/** @type {keyof typeof SIGNS} */ (rule.outcome)];
    const mark = make('span', className, sign);
    mark.setAttribute('aria-hidden', 'true');
    const text = make('div', 'text', make('span', 'hidden-text', `${word}: `), rule.description ?? '');
    if (rule.outcome === 'failed') {
      const pairs = ['received', 'expected'].filter((name) => name in rule);
      text.append(
        make('dl', '', ...pairs.flatMap((name) => [make('dt', '', name), make('dd', '', shown(rule[name]))])),
        make('p', 'fix', `→ ${rule.fix} `, make('code', '', rule.reason)),
      );
    }
    return make('li', rule.outcome, mark, make('span', `name ${className}`, rule.rule), text);
  });
  return card('Rules, in the order of the engine', make('ol', 'rules', ...items));
}

/**
 * The header or the claims, one row each, with times for people.
 *
 * @param {unknown} object
 * @param {any} answer
 */
function membersOf(object, { now, skew }) {
  if (typeof object !== 'object' || object === null) return make('p', 'bad', '✗ Not a JSON object');
  const rows = Object.entries(object).map(([name, value]) => {
    const cell = make('div', '', shown(value));
    const date = new Date(Number(value) * 1000);
    if (TIMES.includes(name) && typeof value === 'number' && !Number.isNaN(date.getTime())) {
      const here = `${date.toISOString()}: ${distance(value, now)} by this machine`;
      const there = skew === undefined ? '; the issuer sent no Date' : `, ${distance(value, now - skew)} by the issuer`;
      cell.append(make('div', 'wait', here + there));
    }
    return [name, Array.isArray(value) ? 'array' : typeof value, cell];
  });
  return table(['name', 'type', 'value'], rows);
}

/** @param {any} answer */
function clockOf({ skew }) {
  if (skew === undefined) return make('p', 'wait', "– The issuer's clock is not known: it sent no Date.");
  if (Math.abs(skew) <= 2) return make('p', 'good', "✓ This machine's clock agrees with the issuer's.");
  const place = skew > 0 ? 'ahead of' : 'behind';
  return make('p', 'bad', `✗ This machine's clock is ${span(Math.abs(skew))} ${place} the issuer's.`);
}

/** @param {any} answer */
function keysOf({ keys, issuer }) {
  if (keys.error) return card('Issuer', make('p', '', issuer), make('p', 'bad', `✗ ${keys.error} (${keys.reason})`));
  const { list, age, nextRefresh, count } = keys;
  const told = `${count} usable keys, fetched ${span(age ?? 0)} ago, next refresh in ${span(nextRefresh ?? 0)}`;
  const names = ['kid', 'kty', 'alg', 'crv', 'use'];
  const rows = list.map((/** @type {any} */ key) => names.map((name) => key[name] ?? '–'));
  return card('Issuer', make('p', '', issuer), make('p', '', told), table(names, rows));
}

/** @param {any} answer */
function proofOf(answer) {
  const { proof, explanation } = answer;
  if (!proof) return undefined;
  const rule = explanation.rules.find((/** @type {any} */ one) => one.rule === 'proof URL') ?? {};
  const rows = [
    ['htu of the proof', shown(rule.received ?? proof.claims?.htu)],
    ['URL of the request', shown(rule.expected ?? at('url').value.split(/[?#]/)[0])],
  ];
  return card('DPoP proof', table(['', 'without query and fragment'], rows), membersOf(proof.claims, answer));
}

/** @param {any} answer */
function responseOf({ response }) {
  if (!response) return undefined;
  const lines = [`HTTP ${response.status}`];
  if (response.challenge) lines.push(`WWW-Authenticate: ${response.challenge}`);
  if (response.retryAfter) lines.push(`Retry-After: ${response.retryAfter}`);
  const text = make('pre', '', [...lines, '', response.body].join('\n'));
  text.id = 'response';
  return card('The response of your API', text);
}

/** @param {any} answer */
function reportOf({ explanation, skew }) {
  const { decision, reason, kind, rules } = explanation;
  const lines = rules.map((/** @type {any} */ { rule, outcome, received, expected, reason: why }) => {
    const values = SHARED.includes(rule)
      ? [received, expected].map((one, i) => (one === undefined ? '' : ` ${['received', 'expected'][i]} ${shown(one)}`))
      : [];
    return `${SIGNS[/** @type {keyof typeof SIGNS} */ (outcome)][0]} ${rule}${why ? ` [${why}]` : ''}${values.join(',')}`;
  });
  const clock = skew === undefined ? 'unknown' : `${skew} s ahead of the issuer`;
  return [`${decision}${reason ? ` [${reason}]` : ''}, ${kind}, clock ${clock}`, ...lines].join('\n');
}

/** @param {any} answer */
function sharingOf(answer) {
  const text = reportOf(answer);
  const button = make('button', 'quiet', 'Copy as redacted report');
  button.id = 'copy';
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      say('The report was copied.');
    } catch {
      say('The browser does not allow copying. Select the text of the report.');
    }
  });
  const report = make('pre', '', text);
  report.id = 'report';
  const note = 'Without the token, its signature, and personal claims.';
  const content = make('details', '', make('summary', '', 'Show it'), report);
  return card('Share', make('p', '', note), make('div', 'actions', button), content);
}

/** @param {any} answer */
function show(answer) {
  const { parts } = answer;
  const pieces = [
    verdictOf(answer),
    rulesOf(answer.explanation),
    parts && card('Header', membersOf(parts.header, answer)),
    parts && card('Claims', clockOf(answer), membersOf(parts.claims, answer)),
    parts && card('Signature', make('p', '', `${parts.signatureBytes} bytes, not shown`)),
    proofOf(answer),
    responseOf(answer),
    keysOf(answer),
    sharingOf(answer),
  ];
  at('result').replaceChildren(...pieces.filter(Boolean));
  at('result').hidden = false;
  say('');
  at('verdict').focus();
}

/** @param {string} text */
function say(text) {
  at('status').textContent = text;
}

/**
 * @param {string} path
 * @param {object} body
 */
async function post(path, body) {
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

/** @param {boolean} mayIntrospect */
async function inspect(mayIntrospect) {
  at('ask').hidden = true;
  at('result').hidden = true;
  say('Checking…');
  try {
    await ready;
    const question = Object.fromEntries(FIELDS.map((name) => [name, at(name).value]));
    const answer = await post('/inspect', { ...question, mayIntrospect });
    if (answer.error) say(answer.error);
    else if (answer.ask) {
      at('ask-issuer').textContent = answer.ask.issuer;
      at('ask').hidden = false;
      say('');
      at('ask-title').focus();
    } else show(answer);
  } catch (error) {
    const isOffline = error instanceof TypeError;
    say(isOffline ? 'The inspector has ended. Start it again.' : String(/** @type {Error} */ (error).message));
  }
}

function clear() {
  at('form').reset();
  at('result').replaceChildren();
  at('result').hidden = true;
  at('ask').hidden = true;
  say('');
  at('token').focus();
}

/** The secret leaves the address line, and is exchanged for a cookie that scripts cannot read. */
async function enter() {
  const secret = location.hash.slice(1);
  history.replaceState(null, '', '/');
  await post('/session', { secret });
  document.body.dataset.ready = 'yes';
}

const ready = enter();
ready.catch((error) => say(String(error.message)));
at('form').addEventListener('submit', (/** @type {Event} */ event) => {
  event.preventDefault();
  void inspect(false);
});
at('agree').addEventListener('click', () => void inspect(true));
at('decline').addEventListener('click', () => {
  at('ask').hidden = true;
  say('The token was not sent.');
  at('token').focus();
});
at('clear').addEventListener('click', clear);
// A page that the browser restores must not have the token.
addEventListener('pagehide', clear);
