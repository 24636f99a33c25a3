import { fork } from 'node:child_process';
import { serviceBin } from '@ckptree/local-cluster';

type Service = 'worker' | 'storage' | 'coordinator';

/** Is a service until it ends. @returns its exit code */
export function runAsService(role: Service, args: readonly string[]): Promise<number> {
  const child = fork(serviceBin(role), args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  const forward = (signal: NodeJS.Signals) => () => void child.kill(signal);
  const forwards = (['SIGTERM', 'SIGINT', 'SIGHUP'] as const).map(
    (signal) => [signal, forward(signal)] as const,
  );
  for (const [signal, listener] of forwards) process.on(signal, listener);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      for (const [name, listener] of forwards) process.off(name, listener);
      resolve(code ?? (signal === 'SIGKILL' ? 137 : 1));
    });
  });
}
