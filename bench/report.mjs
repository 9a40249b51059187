// What is printed and stored: the machine, medians with their spread and ratios, targets, results.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { quick } from './support.mjs';

const ROOT = new URL('../', import.meta.url);

/** The machine and the versions, without which the numbers mean nothing. */
export function machine() {
  const { node, openssl, v8 } = process.versions;
  const packages = [
    'jose',
    'fast-jwt',
    'aws-jwt-verify',
    'jsonwebtoken',
    'jwks-rsa',
    '@node-rs/jsonwebtoken',
    'express',
    'fastify',
    'hono',
    '@hono/node-server',
    '@fastify/jwt',
    'get-jwks',
    'oauth4webapi',
    'undici',
    'autocannon',
  ];
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: `${cpus()[0].model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${process.platform} ${release()} ${process.arch}`,
    load: loadavg()[0].toFixed(2),
    node: `${node} (OpenSSL ${openssl}, V8 ${v8})`,
    versions: packages.map((name) => `${name} ${versionOf(`node_modules/${name}/`)}`).join(', '),
    ours: versionOf(''),
  };
}

export function printHeader(title, notes = []) {
  const { date, cpu, system, load, node, versions, ours } = machine();
  console.log(`# ${title}${quick ? ' (--quick: a smoke run, the numbers mean nothing)' : ''}\n`);
  console.log(`${date}. ${cpu}; ${system}; load average at the start ${load}.`);
  console.log(`Node ${node}. @monocloud/backend-node ${ours}; ${versions}.`);
  for (const note of notes) {
    console.log(`\n${note}`);
  }
}

/** Median, minimum and maximum of the samples, and the samples themselves. */
export function summary(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  return { median: middle(sorted), min: sorted[0], max: sorted.at(-1), samples };
}

/** The median of the ratios per round, so that a disturbance of a whole round cancels out. */
export function ratio(samples, base) {
  if (!samples || !base) {
    return undefined;
  }
  return middle(samples.map((sample, i) => sample / base[i]).sort((a, b) => a - b));
}

/** Prints a Markdown table; the first column is aligned left, numbers right. */
export function printTable(title, columns, rows) {
  const cells = [columns, ...rows.map((row) => row.map((cell) => String(cell ?? '-')))];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i].length), 3));
  const line = (row) =>
    `| ${row.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(' | ')} |`;
  console.log(`\n## ${title}\n`);
  console.log(line(columns));
  console.log(`| ${widths.map((width, i) => (i ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`);
  for (const row of cells.slice(1)) {
    console.log(line(row));
  }
}

const verdicts = [];

/** Records a target. `value` undefined: not measured here. Without a limit, it is a figure only. Never fails the run. */
export function target(what, value, { atMost, atLeast, unit = '' }) {
  const limits = [];
  if (atMost !== undefined) limits.push(`<= ${atMost}${unit}`);
  if (atLeast !== undefined) limits.push(`>= ${atLeast}${unit}`);
  const isMet = value <= (atMost ?? Infinity) && value >= (atLeast ?? -Infinity);
  const met = value === undefined || limits.length === 0 ? '-' : isMet ? 'pass' : 'FAIL';
  verdicts.push([what, limits.join(' ') || '-', value === undefined ? '-' : `${number(value)}${unit}`, met]);
}

/** Prints the targets recorded since the last call. */
export function printTargets() {
  printTable('Targets', ['target', 'wanted', 'measured', 'verdict'], verdicts.splice(0));
}

/** Stores the results for chart.mjs, without the raw samples. A smoke run stores them separately. */
export function saveResults(name, results) {
  const folder = new URL('bench/results/', ROOT);
  mkdirSync(folder, { recursive: true });
  const file = `${name}${quick ? '.quick' : ''}.json`;
  writeFileSync(new URL(file, folder), `${JSON.stringify({ machine: machine(), ...results }, kept, 1)}\n`);
  console.log(`\nResults kept in bench/results/${file}.`);
}

/** Three significant digits; large numbers are whole. */
export function number(value) {
  if (value === undefined || Number.isNaN(value)) {
    return '-';
  }
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

export function times(value) {
  return value === undefined ? '-' : `${number(value)}x`;
}

/** Prints why a contestant is missing, once for each. */
export function printMissing(contestants) {
  for (const why of new Set(contestants.map((contestant) => contestant.why).filter(Boolean))) {
    console.log(`\nNot built: ${why}`);
  }
}

function middle(sorted) {
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

function kept(name, value) {
  if (name === 'samples') return undefined;
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value;
}

function versionOf(folder) {
  try {
    return JSON.parse(readFileSync(new URL(`${folder}package.json`, ROOT), 'utf8')).version;
  } catch {
    return '?';
  }
}
