#!/usr/bin/env node
'use strict';

/**
 * `npx @monocloud/backend-node doctor`: can this machine validate access tokens, and if not, why?
 *
 * The engine that your API uses makes every decision, through the public client and in this environment. The exit code
 * is 0 without problems (warnings are allowed), 1 with problems, and 2 if the command line is wrong.
 */

/**
 * @import { ReportType } from './report.js'
 * @import { Request } from './arguments.js'
 * @import { Configuration } from './facts.js'
 */

const { Report } = require('./report.js');
const { thrown } = require('./thrown.js');
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

/** @param {string[]} argv */
async function main(argv) {
  // The parser needs the engine's option table. `--json` must work even if the engine cannot be loaded.
  const report = new Report({ isJson: argv.includes('--json'), version });
  if (!loadsEngine(report)) return report.end();

  const { Usage, help, parse } = require('./arguments.js');
  let request;
  try {
    request = parse(argv);
  } catch (error) {
    if (!(error instanceof Usage)) throw error;
    console.error(`${error.message}. Usage: npx @monocloud/backend-node doctor [flags]. --help lists the flags.`);
    return 2;
  }
  if (request.isHelp || request.isVersion) {
    console.log(request.isHelp ? help() : version);
    return 0;
  }
  await examine(report, request);
  return report.end();
}

/**
 * Runs the checks. Each one depends on the checks before it.
 *
 * @param {ReportType} report
 * @param {Request} request
 */
async function examine(report, { environment, isInspector, token, ...presented }) {
  const { checkConfiguration } = require('./configuration.js');
  const { checkServer } = require('./server.js');
  const { checkIntrospection } = require('./introspection.js');
  const { checkToken } = require('./token.js');

  // The engine reads environment variables, so each flag sets its variable.
  Object.assign(process.env, environment);
  const configuration = checkConfiguration(report);
  if (!configuration) {
    report.section('Authorization server');
    report.skipped('tenant', 'tenant', 'not checked: the configuration is invalid, see above');
    return;
  }
  if (isInspector) return serve(configuration);
  const { metadata } = await checkServer(report, configuration);
  if (!metadata) return;
  await checkIntrospection(report, configuration, { metadata });
  if (token !== undefined) await checkToken(report, { configuration, token, ...presented });
}

/**
 * Serves the inspector until nobody has used it for a while. It opens no browser.
 *
 * @param {Configuration} configuration
 */
async function serve(configuration) {
  const { startInspector } = require('./inspector.js');
  const { inspection } = require('./inspect.js');
  const { url, ended } = await startInspector(inspection(configuration));
  console.log(`\nInspector\n  Open ${url}`);
  console.log('  The URL is good for one browser. Ctrl+C ends the inspector, and so do 15 minutes without use.');
  await ended;
}

/** @param {ReportType} report */
function loadsEngine(report) {
  try {
    require('../native/load.js');
    return true;
  } catch (error) {
    report.section('Engine');
    report.problem('engine', 'loads', {
      message: thrown(error).message,
      fix: 'Reinstall the package on this machine, without --omit=optional and without a lockfile of another platform.',
    });
    return false;
  }
}
