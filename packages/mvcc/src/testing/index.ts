/** A model of the store to hold it, or what stands on it, against. */
export { ModelStore, type ModelVersion } from './model-store.ts';
