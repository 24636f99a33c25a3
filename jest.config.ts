/** @jest-config-loader esbuild-register */
import { availableParallelism } from 'node:os';
import type { Config } from 'jest';

// Tests run what ships: they import packages by name (their compiled `dist`), so worker threads and the
// code under test are the same files. Only the tests themselves are transformed here.
const config: Config = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/{packages,services}/*/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } },
    ],
  },
  transformIgnorePatterns: ['/node_modules/', '/dist/'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['<rootDir>/.cache'],
  // One more than cores: tests of outages mostly wait, and left a quarter of two cores idle.
  maxWorkers: availableParallelism() + 1,
  // Modules of test files that have ended stay in memory, some 25 MB a file: a new process is quicker than collecting them.
  workerIdleMemoryLimit: '400MB',
  // For what hangs: a busy machine takes several times as long as a test usually does.
  testTimeout: 300_000,
};

export default config;
