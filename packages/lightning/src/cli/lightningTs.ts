#!/usr/bin/env node
import { checkpointCommand } from '../checkpoint/checkpointCommand.js';

const usage = `Usage: lightning-ts checkpoint inspect|upgrade ...`;

const [command, ...rest] = process.argv.slice(2);
if (command === 'checkpoint') {
  process.exitCode = await checkpointCommand(rest, { print: console.log, fail: console.error });
} else {
  (command === '--help' ? console.log : console.error)(usage);
  process.exitCode = command === '--help' ? 0 : 2;
}
