// Draws the results of micro.mjs: docs/bench-distinct.svg and docs/bench-repeated.svg, for the README.
//
//     node bench/chart.mjs [--alg RS256] [--out docs]
//     node bench/chart.mjs --quick: from a smoke run, into bench/results/, never into docs/
//
// Without a library, so that nothing has to be installed. The colours are readable on white and on black, because
// GitHub shows the chart on both. Every bar has its number, so there is no axis.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OURS } from './contestants.mjs';
import { number } from './report.mjs';
import { argument, quick } from './support.mjs';

const WIDTH = 760;
const LABELS = 260;
const NUMBERS = 90;
const ROW = 28;
const TOP = 62;
const BOTTOM = 50;
const COLOURS = { text: '#7d8590', strong: '#6e7681', ours: '#2f81f7', floor: '#a8a29e', peer: '#8b949e' };

const THREADS =
  'jose verifies on other threads: "one at a time" is time passed, "in flight" the CPU time of the main thread alone.';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const algorithm = argument('alg', 'RS256');
const out = resolve(ROOT, argument('out', quick ? 'bench/results' : 'docs'));
const results = JSON.parse(
  readFileSync(new URL(`results/micro${quick ? '.quick' : ''}.json`, import.meta.url), 'utf8'),
);
const rows = results[algorithm];
if (!rows) {
  throw new Error(`no results for ${algorithm}: run bench/micro.mjs first`);
}

mkdirSync(out, { recursive: true });
draw('bench-distinct.svg', 'distinct', `${algorithm}, tokens never seen before`);
draw('bench-repeated.svg', 'repeated', `${algorithm}, 100 tokens over and over`);

function draw(file, regime, title) {
  const bars = rows
    .filter((row) => row[regime])
    .map((row) => ({ name: row.name, ...row[regime] }))
    .sort((a, b) => a.median - b.median);
  const height = TOP + bars.length * ROW + BOTTOM;
  const { cpu, node, date } = results.machine;
  const footer = `${cpu}; Node ${node.split(' ')[0]}; ${date}`;
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title desc" font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="13">`,
    `<title id="title">${escape(`Microseconds for one validation: ${title}`)}</title>`,
    `<desc id="desc">${escape(bars.map((bar) => `${bar.name}: ${number(bar.median)}`).join('; '))}</desc>`,
    text(0, 20, title, { 'font-size': 16, 'font-weight': 600, fill: COLOURS.strong }),
    text(0, 42, 'Microseconds for one validation: less is better. The line shows the least and the greatest round.', {
      fill: COLOURS.text,
    }),
    ...bars.flatMap((bar, i) => drawBar(bar, TOP + i * ROW, scaleFor(bars))),
    text(0, height - 26, THREADS, { fill: COLOURS.text, 'font-size': 11 }),
    text(0, height - 10, footer, { fill: COLOURS.text, 'font-size': 11 }),
    '</svg>',
  ];
  writeFileSync(resolve(out, file), `${svg.join('\n')}\n`);
  console.log(`Wrote ${resolve(out, file)}: ${bars.length} bars.`);
}

// The scale starts at zero and is linear: a bar twice as long is twice as slow. Medians set it, so that one disturbed
// round does not shrink the bars. A longer line is cut at the edge.
function scaleFor(bars) {
  const longest = Math.max(...bars.map((bar) => bar.median));
  return (value) => Math.min((value / longest) * (WIDTH - LABELS - NUMBERS), WIDTH - LABELS - NUMBERS);
}

function drawBar({ name, median, min, max }, y, scale) {
  const colour = name === OURS ? COLOURS.ours : name.startsWith('floor') ? COLOURS.floor : COLOURS.peer;
  const middle = y + ROW / 2;
  const [from, length, to] = [scale(min), scale(median), scale(max)];
  const label = {
    'text-anchor': 'end',
    fill: name === OURS ? COLOURS.ours : COLOURS.text,
    'font-weight': name === OURS ? 600 : 400,
  };
  return [
    text(LABELS - 10, middle + 4, name, label),
    `<rect x="${LABELS}" y="${y + 5}" width="${Math.max(2, length).toFixed(1)}" height="${ROW - 10}" rx="2" fill="${colour}"/>`,
    `<line x1="${(LABELS + from).toFixed(1)}" x2="${(LABELS + to).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="${COLOURS.strong}" stroke-width="1.5"/>`,
    // To the right of both ends, so that the line never crosses the number.
    text(
      LABELS + Math.max(2, length, to) + 8,
      middle + 4,
      number(median),
      label['font-weight'] === 600 ? { fill: COLOURS.ours, 'font-weight': 600 } : { fill: COLOURS.text },
    ),
  ];
}

function text(x, y, content, attributes) {
  const written = Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${value}"`)
    .join('');
  return `<text x="${typeof x === 'number' ? Number(x.toFixed(1)) : x}" y="${y}"${written}>${escape(content)}</text>`;
}

function escape(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
