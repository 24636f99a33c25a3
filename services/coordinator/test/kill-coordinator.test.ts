import { testKills } from './support/kill-matrix.js';

testKills('coordinator');
