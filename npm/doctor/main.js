#!/usr/bin/env node
'use strict';

/**
 * `npx @monocloud/backend-node doctor`: is this machine ready to validate access tokens, and if not, why?
 *
 * Every verdict is the production engine's, reached through the public client, in this environment. Exit code 0: no
 * problem (warnings are none); 1: problems; 2: the command line was not understood.
 */

const { Report } = require('./report.js');
const { version } = require('../../package.json');

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    console.error(`The doctor itself failed: ${error?.stack ?? error}`);
    process.exitCode = 1;
  },
);

async function main(argv) {
  // Read by eye: without the engine nothing else can be understood.
  const report = new Report({ isJson: argv.includes('--json'), version });
  if (!loadsEngine(report)) return report.end();

  const { Usage, help, parse } = require('./arguments.js');
  let asked;
  try {
    asked = parse(argv);
  } catch (error) {
    if (!(error instanceof Usage)) throw error;
    console.error(`${error.message}. Usage: npx @monocloud/backend-node doctor [flags]; --help lists them.`);
    return 2;
  }
  if (asked.isHelp || asked.isVersion) {
    console.log(asked.isHelp ? help() : version);
    return 0;
  }
  await examine(report, asked);
  return report.end();
}

/** From what everything depends on to what depends on everything. */
async function examine(report, { environment, token, scopes, groups, certificate }) {
  const { checkConfiguration } = require('./configuration.js');
  const { checkServer } = require('./server.js');
  const { checkIntrospection } = require('./introspection.js');
  const { checkToken } = require('./token.js');

  // The engine reads the environment of its process: a flag is a variable of this one.
  Object.assign(process.env, environment);
  const configuration = checkConfiguration(report);
  if (!configuration) {
    report.section('Authorization server');
    report.skipped('tenant', 'tenant', 'not checked: the configuration is refused, see above');
    return;
  }
  const server = await checkServer(report, configuration);
  if (!server.metadata) return;
  await checkIntrospection(report, configuration, server);
  if (token !== undefined) await checkToken(report, { configuration, server, token, scopes, groups, certificate });
}

function loadsEngine(report) {
  try {
    require('../native/load.js');
    return true;
  } catch (error) {
    report.section('Engine');
    report.problem('engine', 'loads', {
      message: error.message,
      fix: 'Reinstall the package on this machine, without --omit=optional and without a lockfile of another platform.',
    });
    return false;
  }
}
