// Why does a strict parser reject a JSON text that `JSON.parse` accepts?
//
// A separate parser, written from RFC 8259 and used only here.

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPES = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', '/': '/' };

/**
 * Returns `{ hasBom, depth, duplicates, loneSurrogates, infinite, value }` for octets. `duplicates` are the paths of
 * duplicate members; `loneSurrogates` and `infinite` are the paths of such texts and numbers. `value` is the result
 * of `JSON.parse`, or `undefined` if it throws.
 */
export function inspectJson(octets) {
  const facts = { hasBom: false, depth: 0, duplicates: [], loneSurrogates: [], infinite: [], value: undefined };
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(octets);
  facts.hasBom = text.startsWith('\ufeff');
  const bare = facts.hasBom ? text.slice(1) : text;
  try {
    facts.value = JSON.parse(bare);
  } catch {
    return facts;
  }
  walk(bare, facts);
  return facts;
}

/** Walks a text that `JSON.parse` accepted, so this code never needs to reject. */
function walk(text, facts) {
  let at = 0;
  const skip = () => {
    while (/[ \t\n\r]/.test(text[at] ?? '')) at += 1;
  };

  function value(depth, path) {
    skip();
    const open = text[at];
    if (open === '{') members(depth, path);
    else if (open === '[') items(depth, path);
    else if (open === '"') note(string(), path);
    else if (open === '-' || /\d/.test(open)) number(path);
    else at += open === 'f' ? 5 : 4;
    skip();
  }

  function members(depth, path) {
    facts.depth = Math.max(facts.depth, depth);
    const seen = new Set();
    for (at += 1, skip(); text[at] !== '}';) {
      if (text[at] === ',') at += 1;
      skip();
      const name = string();
      note(name, [...path, name]);
      if (seen.has(name)) facts.duplicates.push([...path, name]);
      seen.add(name);
      skip();
      at += 1; // the colon
      value(depth + 1, [...path, name]);
    }
    at += 1;
  }

  function items(depth, path) {
    facts.depth = Math.max(facts.depth, depth);
    for (at += 1, skip(); text[at] !== ']';) {
      if (text[at] === ',') at += 1;
      value(depth + 1, [...path, '[]']);
    }
    at += 1;
  }

  function string() {
    let content = '';
    for (at += 1; text[at] !== '"'; at += 1) {
      if (text[at] !== '\\') {
        content += text[at];
      } else if (text[at + 1] === 'u') {
        content += String.fromCharCode(Number.parseInt(text.slice(at + 2, at + 6), 16));
        at += 5;
      } else {
        content += ESCAPES[text[at + 1]];
        at += 1;
      }
    }
    at += 1;
    return content;
  }

  function note(text, path) {
    if (!text.isWellFormed()) facts.loneSurrogates.push(path);
  }

  function number(path) {
    NUMBER.lastIndex = at;
    const [digits] = NUMBER.exec(text);
    at += digits.length;
    if (!Number.isFinite(Number(digits))) facts.infinite.push(path);
  }

  value(1, []);
}
