import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { filesIn, REPOSITORY, yamlOf } from '../support/infra.js';

const files = [...filesIn('infra', '.yaml'), ...filesIn('infra', '.yml'), 'compose.yaml'];

describe('the files of infra', () => {
  test.each(files)('%s is YAML without a doubtful word', (file) => {
    for (const document of yamlOf(file)) expect(document).toBeInstanceOf(Object);
  });

  test('Prometheus loads the rules that are there, from every service of compose.yaml', () => {
    const [config] = yamlOf<{ rule_files: string[]; scrape_configs: object[] }>(
      'infra/prometheus/prometheus.yml',
    );
    expect(config!.rule_files).toEqual(['ckptree.rules.yml']);
    expect(config!.scrape_configs).toMatchObject([
      { job_name: 'ckptree', dns_sd_configs: [{ names: ['coordinator', 'storage', 'worker'], port: 9100 }] },
    ]);
  });

  test('alerts come when they should, where promtool is there to ask', () => {
    const cwd = join(REPOSITORY, 'infra/prometheus');
    const args = ['test', 'rules', 'ckptree.rules.test.yml'];
    const { error, status, stdout, stderr } = spawnSync('promtool', args, { cwd, encoding: 'utf8' });
    const absent = (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
    expect(absent || status === 0 ? '' : `${stdout}${stderr}`).toBe('');
  });
});
