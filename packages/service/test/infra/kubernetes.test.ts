import { describe, expect, test } from '@jest/globals';
import { filesIn, yamlOf } from '../support/infra.js';
import { type Manifest, typeErrorsOf } from '../support/kubernetes.js';

interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef?: { readonly name: string; readonly key: string; readonly optional?: boolean };
  };
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly envFrom?: readonly { readonly configMapRef: { readonly name: string } }[];
  readonly env: readonly EnvVar[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly resources: { readonly limits: Readonly<Record<string, string>>; readonly requests: object };
  readonly volumeMounts: readonly { readonly name: string }[];
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly securityContext: object;
}

interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string };
  readonly exec?: object;
}

interface Workload extends Manifest {
  readonly spec: {
    readonly replicas?: number;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly Container[];
        readonly volumes: readonly { readonly name: string }[];
        readonly securityContext: object;
        readonly automountServiceAccountToken: boolean;
      };
    };
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
  };
}

const FOLDER = 'infra/kubernetes/base';
const { resources } = yamlOf<{ resources: string[] }>(`${FOLDER}/kustomization.yaml`)[0]!;
const files = filesIn(FOLDER, '.yaml').filter((file) => !file.endsWith('kustomization.yaml'));
const manifests = files.flatMap((file) => yamlOf<Manifest>(file));
const ofKind = <Kind extends Manifest>(kind: string): Kind[] =>
  manifests.filter((manifest): manifest is Kind => manifest.kind === kind);
const workloads = [...ofKind<Workload>('Deployment'), ...ofKind<Workload>('StatefulSet')];
const services = workloads.filter(({ metadata }) => metadata.name !== 'nats');
const named = (name: string) => workloads.find(({ metadata }) => metadata.name === name)!;

describe('the manifests of infra/kubernetes', () => {
  test('are what the API of Kubernetes takes, down to every field', () => {
    expect(typeErrorsOf(manifests)).toBe('');
  });

  test('this check finds what is misspelled, missing or of another type', () => {
    const [deployment] = ofKind<Workload>('Deployment');
    const { spec } = deployment!;
    const broken = [
      { ...deployment!, spec: { ...spec, replica: 2 } },
      { ...deployment!, spec: { ...spec, selector: undefined } },
      { ...deployment!, spec: { ...spec, replicas: 'two' } },
    ];
    for (const manifest of broken) expect(typeErrorsOf([manifest])).toMatch(/error TS\d+/);
  });

  test('are all applied, but for the example of the secret', () => {
    const applied = resources.filter((name) => name !== '../../nats').map((name) => `${FOLDER}/${name}`);
    expect([...applied, `${FOLDER}/secret.example.yaml`].sort()).toEqual(files);
  });

  test('run every role: two coordinators, storage on a volume, workers as many as the autoscaler says', () => {
    expect(workloads.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort()).toEqual([
      'Deployment coordinator',
      'Deployment worker',
      'StatefulSet nats',
      'StatefulSet storage',
    ]);
    expect(named('coordinator').spec.replicas).toBe(2);
    expect(named('worker').spec.replicas).toBeUndefined();
    const [scaler] = ofKind<Manifest & { spec: Record<string, unknown> }>('HorizontalPodAutoscaler');
    expect(scaler!.spec).toMatchObject({
      scaleTargetRef: { kind: 'Deployment', name: 'worker' },
      behavior: { scaleDown: { selectPolicy: 'Disabled' } },
    });
    expect(ofKind('PersistentVolumeClaim')).toHaveLength(1);
  });

  test.each(workloads)('$kind $metadata.name selects its own pods, and may use little', ({ spec }) => {
    const { metadata, spec: pod } = spec.template;
    expect(metadata.labels).toMatchObject(spec.selector.matchLabels);
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    for (const container of pod.containers) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(container.resources).toMatchObject({
        limits: { memory: expect.any(String) },
        requests: { cpu: expect.any(String), memory: expect.any(String) },
      });
      const volumes = [...pod.volumes, ...(spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata)];
      for (const { name } of container.volumeMounts) expect(volumes.map((each) => each.name)).toContain(name);
    }
  });

  test.each(services)(
    '$metadata.name is probed where services answer, and has time to drain',
    ({ metadata, spec }) => {
      const { containers, terminationGracePeriodSeconds } = spec.template.spec;
      const [container] = containers;
      expect(container!.command).toEqual([`ckptree-${metadata.name}`]);
      expect(container!.livenessProbe.httpGet).toEqual({ path: '/healthz', port: 'http' });
      expect(container!.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'http' });
      const [config] = ofKind<Manifest & { data: Record<string, string> }>('ConfigMap');
      expect(container!.ports).toEqual([{ name: 'http', containerPort: Number(config!.data.CKPTREE_HTTP) }]);
      const drainSeconds = Number(/^(\d+)s$/.exec(config!.data.CKPTREE_SHUTDOWN_TIMEOUT!)![1]);
      expect(terminationGracePeriodSeconds).toBeGreaterThan(drainSeconds);
    },
  );

  test('name secrets and configuration that are there', () => {
    const [secret] = ofKind<Manifest & { stringData: Record<string, string> }>('Secret');
    const configs = ofKind('ConfigMap').map(({ metadata }) => metadata.name);
    for (const { spec } of workloads)
      for (const { env, envFrom = [] } of spec.template.spec.containers) {
        for (const { configMapRef } of envFrom) expect(configs).toContain(configMapRef.name);
        for (const { valueFrom } of env) {
          if (valueFrom?.secretKeyRef === undefined) continue;
          expect(valueFrom.secretKeyRef.name).toBe(secret!.metadata.name);
          expect(Object.keys(secret!.stringData)).toContain(valueFrom.secretKeyRef.key);
        }
      }
  });

  test('let nodes be emptied one pod of a role after the other', () => {
    const budgets = ofKind<Manifest & { spec: { selector: object; maxUnavailable: number } }>(
      'PodDisruptionBudget',
    );
    expect(budgets.map(({ metadata, spec }) => [metadata.name, spec])).toEqual(
      ['coordinator', 'storage', 'worker'].map((name) => [
        name,
        { maxUnavailable: 1, selector: { matchLabels: { 'app.kubernetes.io/name': name } } },
      ]),
    );
  });

  test('the variant with a shared volume changes what is there', () => {
    const [variant] = yamlOf<{ patches: { target: { kind: string; name: string }; patch: string }[] }>(
      'infra/kubernetes/shared-volume/kustomization.yaml',
    );
    const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    for (const { target } of variant!.patches) expect(names).toContain(`${target.kind} ${target.name}`);
  });
});
