/** Whole Raft groups in one thread, step by step: for tests and the simulator. */
export { Cluster, bootstrapEntries, type ClusterEvent } from './cluster.ts';
export { Member, type MemberOptions } from './member.ts';
export { SafetyChecker, SafetyError } from './safety.ts';
export { SimulatedDisk, type LogStart } from './simulated-disk.ts';
export { ChainMachine, type MachineState } from './state-machine.ts';
export { runRandomSchedule, type ScheduleOptions, type ScheduleReport } from './random-schedule.ts';
export { runScenario, type ScenarioResult } from './scenario.ts';
export {
  describeConfState,
  describeEntries,
  describeEntry,
  describeMessage,
  describeStatus,
} from './trace.ts';
