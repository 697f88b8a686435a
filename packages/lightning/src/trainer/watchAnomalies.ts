import { isAnomalyEnabled, setDetectAnomaly } from '@lightning-ts/torch';

/** Turns the check of every backward on. @returns puts it back to what it was */
export function watchAnomalies(): () => void {
  const wasOn = isAnomalyEnabled();
  setDetectAnomaly(true);
  return () => setDetectAnomaly(wasOn);
}
