import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LightningError } from '../../errors.js';
import { SLURMEnvironment } from '../slurmEnvironment.js';
import { detectEnvironment } from './detectEnvironment.js';
import { KubeflowEnvironment } from './kubeflowEnvironment.js';
import { LightningEnvironment } from './lightningEnvironment.js';

const set = (variables: Readonly<Record<string, string>>): void => {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
};
afterEach(() => {
  vi.unstubAllEnvs();
});

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof LightningError) return error.code;
    throw error;
  }
  return 'none';
};

const place = () => {
  const found = detectEnvironment();
  return {
    name: found.name,
    external: found.createsProcessesExternally,
    rank: found.globalRank(),
    worldSize: found.worldSize(),
    localRank: found.localRank(),
    nodeRank: found.nodeRank(),
    meets: `${found.mainAddress}:${found.mainPort}`,
    perNode: found.devicesPerNode(),
  };
};

const torchrun = {
  TORCHELASTIC_RUN_ID: 'x',
  MASTER_ADDR: '10.0.0.1',
  MASTER_PORT: '29501',
  WORLD_SIZE: '4',
  RANK: '3',
  LOCAL_RANK: '1',
  GROUP_RANK: '1',
  LOCAL_WORLD_SIZE: '2',
};
const slurm = {
  SLURM_NTASKS: '4',
  SLURM_JOB_NAME: 'train',
  SLURM_JOB_ID: '91234',
  SLURM_PROCID: '2',
  SLURM_LOCALID: '0',
  SLURM_NODEID: '1',
  SLURM_NTASKS_PER_NODE: '2',
  SLURM_NNODES: '2',
  SLURM_NODELIST: 'node[07-08,12]',
};

describe('what started a process is found by its variables', () => {
  it('torchrun', () => {
    set(torchrun);
    expect(place()).toEqual({
      name: 'torchrun',
      external: true,
      rank: 3,
      worldSize: 4,
      localRank: 1,
      nodeRank: 1,
      meets: '10.0.0.1:29501',
      perNode: 2,
    });
  });

  it('SLURM, with the first machine of its list and a port from the number of the job', () => {
    set(slurm);
    expect(place()).toMatchObject({
      name: 'slurm',
      rank: 2,
      worldSize: 4,
      nodeRank: 1,
      meets: 'node07:16234',
      perNode: 2,
    });
  });

  it('LSF, with the machines of its rank file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lsf-'));
    const file = join(folder, 'ranks');
    writeFileSync(file, 'login\nnode1\nnode1\nnode2\nnode2\n');
    set({
      LSB_JOBID: '12345',
      LSB_DJOB_RANKFILE: file,
      JSM_NAMESPACE_LOCAL_RANK: '1',
      JSM_NAMESPACE_SIZE: '4',
      JSM_NAMESPACE_RANK: '3',
    });
    expect(place()).toMatchObject({ name: 'lsf', rank: 3, worldSize: 4, localRank: 1, meets: 'node1:10345' });
    rmSync(folder, { recursive: true });
  });

  it('mpirun, where more than one process was started', () => {
    set({ OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_RANK: '3', OMPI_COMM_WORLD_LOCAL_RANK: '1' });
    vi.stubEnv('OMPI_COMM_WORLD_LOCAL_SIZE', '2');
    vi.stubEnv('MASTER_ADDR', '10.0.0.9');
    expect(place()).toMatchObject({
      name: 'mpi',
      rank: 3,
      worldSize: 4,
      localRank: 1,
      nodeRank: 1,
      meets: '10.0.0.9:12910',
    });
    vi.stubEnv('MASTER_ADDR', '');
    expect(codeOf(() => detectEnvironment().mainAddress)).toBe('ENVIRONMENT_INVALID');
    vi.stubEnv('OMPI_COMM_WORLD_SIZE', '1');
    expect(detectEnvironment().name).toBe('lightning');
  });

  it('somebody who sets the variables', () => {
    set({ RANK: '1', WORLD_SIZE: '2', MASTER_ADDR: 'a', MASTER_PORT: '7' });
    expect(place()).toMatchObject({ external: true, rank: 1, worldSize: 2, meets: 'a:7' });
    vi.stubEnv('RANK', 'one');
    expect(codeOf(() => detectEnvironment().globalRank())).toBe('ENVIRONMENT_INVALID');
  });

  it('torchrun before SLURM, SLURM before mpirun, and nobody where there is nothing', () => {
    expect(detectEnvironment().name).toBe('lightning');
    set({ OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_RANK: '3' });
    expect(detectEnvironment().name).toBe('mpi');
    set(slurm);
    expect(detectEnvironment().name).toBe('slurm');
    set(torchrun);
    expect(detectEnvironment().name).toBe('torchrun');
    // Started by our launcher from inside of all of them.
    set({ LIGHTNING_TS_LAUNCHED_BY: 'script' });
    expect(detectEnvironment().name).toBe('lightning');
  });
});

describe('what was started is compared with the options', () => {
  it.each([
    [torchrun, 2, 1, 'OPTION_CONFLICT'],
    [torchrun, 2, 2, 'none'],
    [slurm, 2, 1, 'OPTION_CONFLICT'],
    [slurm, 1, 2, 'OPTION_CONFLICT'],
    [slurm, 2, 2, 'none'],
    [{ ...slurm, SLURM_NTASKS_PER_NODE: '' }, 2, 2, 'ENVIRONMENT_INVALID'],
    [{ NODE_RANK: '1' }, 2, 1, 'ENVIRONMENT_INVALID'],
    [{ LOCAL_RANK: '2' }, 2, 1, 'ENVIRONMENT_INVALID'],
    [{ LOCAL_RANK: '1' }, 2, 1, 'ENVIRONMENT_INVALID'],
    [{ NODE_RANK: '1' }, 1, 2, 'ENVIRONMENT_INVALID'],
    [{ NODE_RANK: '1', MASTER_ADDR: 'a', MASTER_PORT: '7' }, 1, 2, 'none'],
  ])('%#', (variables, devices, nodes, code) => {
    set(variables);
    expect(codeOf(() => detectEnvironment().validateSettings(devices, nodes))).toBe(code);
  });
});

it('on several machines ranks count through, machine after machine', () => {
  set({ NODE_RANK: '2', LOCAL_RANK: '1', MASTER_ADDR: 'a', MASTER_PORT: '7' });
  const environment = new LightningEnvironment();
  environment.validateSettings(4, 3);
  expect([environment.globalRank(), environment.worldSize()]).toEqual([9, 12]);
});

it('Kubeflow is one process in each pod, and must be chosen', () => {
  set({ RANK: '2', WORLD_SIZE: '3', MASTER_ADDR: 'pod-0', MASTER_PORT: '7' });
  const environment = new KubeflowEnvironment();
  expect([environment.globalRank(), environment.nodeRank(), environment.localRank()]).toEqual([2, 2, 0]);
  vi.stubEnv('WORLD_SIZE', '');
  expect(codeOf(() => environment.worldSize())).toBe('ENVIRONMENT_INVALID');
});

it('a single machine of SLURM may be named plainly', () => {
  set({ ...slurm, SLURM_NODELIST: 'gpu-box', SLURM_JOB_ID: '' });
  expect(new SLURMEnvironment().mainAddress).toBe('gpu-box');
  expect(new SLURMEnvironment().mainPort).toBe(12_910);
});
