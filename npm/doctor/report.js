'use strict';

/**
 * Prints the results: one line per check while the checks run, or one JSON document at the end.
 *
 * Many texts come from servers and tokens. `printable` removes everything that a terminal would obey.
 */

/** @import { Check, CheckFacts, Status } from './facts.js' */

const SIGNS = { ok: '✔', skipped: '-', warning: '⚠', problem: '✖' };
const COLOURS = { ok: 32, skipped: 90, warning: 33, problem: 31 };
const TITLE_WIDTH = 22;
const MAX_LENGTH = 300;

/** @typedef {Report} ReportType The class as a type, for other files. */

class Report {
  #isJson;
  #version;
  #isColoured;
  /** @type {string | undefined} */
  #section;
  /** @type {Check[]} */
  #checks = [];

  /** @param {{ isJson: boolean, version: string, stream?: { isTTY?: boolean }, env?: NodeJS.ProcessEnv }} settings */
  constructor({ isJson, version, stream = process.stdout, env = process.env }) {
    this.#isJson = isJson;
    this.#version = version;
    this.#isColoured = Boolean(stream.isTTY) && !env.NO_COLOR && env.TERM !== 'dumb';
  }

  /** @param {string} title */
  section(title) {
    if (this.#section === undefined) this.#print(heading(this.#version));
    this.#section = title;
    this.#print(`\n${title}`);
  }

  /**
   * @param {string} id
   * @param {string} title
   * @param {unknown} message
   */
  ok(id, title, message) {
    this.#add('ok', id, title, { message });
  }

  /**
   * A check that was not requested, or that is not possible after an earlier problem.
   *
   * @param {string} id
   * @param {string} title
   * @param {unknown} message
   */
  skipped(id, title, message) {
    this.#add('skipped', id, title, { message });
  }

  /**
   * @param {string} id
   * @param {string} title
   * @param {CheckFacts} facts
   */
  warning(id, title, facts) {
    this.#add('warning', id, title, facts);
  }

  /**
   * @param {string} id
   * @param {string} title
   * @param {CheckFacts} facts
   */
  problem(id, title, facts) {
    this.#add('problem', id, title, facts);
  }

  /** Ends the report and returns the exit code. */
  end() {
    /** @param {Status} status */
    const count = (status) => this.#checks.filter((check) => check.status === status).length;
    const [problems, warnings] = [count('problem'), count('warning')];
    if (this.#isJson) {
      const { version: node } = process;
      const document = { ok: problems === 0, problems, warnings, version: this.#version, node, checks: this.#checks };
      console.log(JSON.stringify(document, null, 2));
    }
    const told = [plural(problems, 'problem'), plural(warnings, 'warning')].join(', ');
    this.#print(`\n${this.#painted(problems > 0 ? 'problem' : 'ok', told)}`);
    return problems > 0 ? 1 : 0;
  }

  /**
   * @param {Status} status
   * @param {string} id
   * @param {string} title
   * @param {CheckFacts} facts
   */
  #add(status, id, title, { message, reason, fix }) {
    /** @type {Check} */
    const check = { id, section: this.#section, status, title, message: printable(message) };
    if (reason !== undefined) check.reason = reason;
    if (fix !== undefined) check.fix = printable(fix);
    this.#checks.push(check);
    const words = reason === undefined ? check.message : `${check.message} [${reason}]`;
    this.#print(`  ${this.#painted(status, SIGNS[status])} ${title.padEnd(TITLE_WIDTH)} ${words}`);
    if (fix !== undefined) this.#print(`      → ${check.fix}`);
  }

  /**
   * @param {Status} status
   * @param {string} text
   */
  #painted(status, text) {
    return this.#isColoured ? `\u001b[${COLOURS[status]}m${text}\u001b[0m` : text;
  }

  /** @param {string} line */
  #print(line) {
    if (!this.#isJson) console.log(line);
  }
}

/** @param {string} version */
function heading(version) {
  const { versions, platform, arch } = process;
  return `@monocloud/backend-node ${version}, Node ${versions.node}, ${platform} ${arch}`;
}

/**
 * @param {number} count
 * @param {string} noun
 */
function plural(count, noun) {
  return `${count === 0 ? 'no' : count} ${noun}${count === 1 ? '' : 's'}`;
}

/**
 * Replaces the characters that a terminal obeys (control and bidirectional characters) and limits the length.
 *
 * @param {unknown} text
 */
function printable(text) {
  const safe = String(text ?? '').replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, '\ufffd');
  return safe.length > MAX_LENGTH ? `${safe.slice(0, MAX_LENGTH)}…` : safe;
}

module.exports = { Report };
