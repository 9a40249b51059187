'use strict';

/**
 * The command line: a flag for each environment variable of the engine's own table, and what to check a token for.
 */

const { readFileSync } = require('node:fs');
const { parseArgs } = require('node:util');

const { OPTIONS } = require('./options.js');

/** The command line was not understood. */
class Usage extends Error {}

const OWN_FLAGS = {
  token: { type: 'string' },
  scope: { type: 'string', multiple: true },
  group: { type: 'string', multiple: true },
  'presented-certificate': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
};

/**
 * @returns what was asked for: flags as variables of the environment, and the token, if any.
 * @throws Usage
 */
function parse(argv) {
  const { values, positionals } = parsed(argv);
  if (values.help || values.version) return { isHelp: Boolean(values.help), isVersion: Boolean(values.version) };
  if (positionals.length !== 1 || positionals[0] !== 'doctor') {
    throw new Usage(positionals.length === 0 ? 'Which command?' : 'The one command is: doctor');
  }
  const given = OPTIONS.filter(({ flag }) => values[flag] !== undefined);
  const { scope: scopes, group: groups } = values;
  return {
    environment: Object.fromEntries(given.map(({ variable, flag }) => [variable, values[flag]])),
    token: tokenOf(values),
    scopes,
    groups,
    certificate: values['presented-certificate'] && read(values['presented-certificate'], '--presented-certificate'),
  };
}

function parsed(args) {
  const options = { ...Object.fromEntries(OPTIONS.map(({ flag }) => [flag, { type: 'string' }])), ...OWN_FLAGS };
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true });
  } catch (error) {
    // The first sentence says it; the others are about positional arguments.
    throw new Usage(error.message.split(/\.(?:\s|$)/)[0]);
  }
}

/** A token on the command line is there for every process to see: `-` reads it from standard input. */
function tokenOf({ token, scope, group, 'presented-certificate': certificate }) {
  if (token === undefined) {
    if (scope || group || certificate) throw new Usage('--scope, --group and --presented-certificate go with --token');
    return undefined;
  }
  const text = (token === '-' ? read(0, 'standard input') : token).trim().replace(/^Bearer +/i, '');
  if (text === '') throw new Usage('--token is empty');
  return text;
}

function read(path, what) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Usage(`${what} could not be read: ${error.code}`);
  }
}

function help() {
  const flags = OPTIONS.map(({ flag, variable }) => `  --${flag.padEnd(32)}${variable}`);
  return `Usage: npx @monocloud/backend-node doctor [flags]

Checks, with the engine that will validate your tokens: the configuration, the
authorization server, its keys, the clock, the credentials, and a token.

A token:
  --token TOKEN | -                 what each rule says of it; - reads it from standard input
  --scope SCOPE                     asked of the token; may be repeated
  --group GROUP                     asked of the token; may be repeated
  --presented-certificate FILE      the caller's certificate (PEM), for a bound token

Output:
  --json                            one JSON document
  --help, --version

Configuration, by flag or by variable; a flag wins:
${flags.join('\n')}

A value that starts with - is written --flag=VALUE. Other processes can see a
command line: a secret belongs in its variable, a token on standard input.
Exit code: 0 no problem, 1 problems, 2 the command line was not understood.`;
}

module.exports = { Usage, help, parse };
