export type { NestedShape, ProfilerEvent, ProfilerEventKind } from './event.js';
export type { EventAverage, KeyAverages, KeyAveragesOptions } from './keyAverages.js';
export { Profile, type ProfileOptions, type ProfilerActivity, profile } from './profile.js';
export { recordFunction } from './recordFunction.js';
export { type ProfilerAction, type ProfilerSchedule, type ScheduleOptions, schedule } from './schedule.js';
export type { SortKey, TableOptions } from './table.js';
export { type TraceHandlerOptions, tensorboardTraceHandler } from './tensorboardTraceHandler.js';
