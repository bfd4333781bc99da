import type { Operation } from '../../history/types.ts';
import { textOfOperation } from '../describe.ts';
import type { Report } from '../violation.ts';
import { isOk, type OkOperation } from './prepare.ts';

/** Reports where, on one connection to one living process, the header's revision went back (I17). */
export function checkConnections(operations: readonly Operation[], report: Report): void {
  const byConnection = new Map<number, OkOperation[]>();
  for (const operation of operations) {
    const { connection } = operation;
    if (connection === undefined || !isOk(operation) || operation.outcome.revision === 0) continue;
    const others = byConnection.get(connection);
    if (others === undefined) byConnection.set(connection, [operation]);
    else others.push(operation);
  }
  for (const connection of byConnection.values()) checkConnection(connection, report);
}

/** Calls in their order, along with the highest revision among what had returned before each. */
function checkConnection(operations: readonly OkOperation[], report: Report): void {
  const byCall = operations.toSorted((a, b) => a.calledAt - b.calledAt);
  const byReturn = operations.toSorted((a, b) => a.returnedAt - b.returnedAt);
  let next = 0;
  let highest: OkOperation | undefined;
  for (const operation of byCall) {
    for (; byReturn[next]!.returnedAt < operation.calledAt; next++) {
      const returned = byReturn[next]!;
      if (highest === undefined || returned.outcome.revision > highest.outcome.revision) highest = returned;
    }
    if (highest === undefined || operation.outcome.revision >= highest.outcome.revision) continue;
    report.add({
      rule: 'connection-order',
      message: `connection ${operation.connection} went back in revisions: ${textOfOperation(operation)} was called after ${textOfOperation(highest)}`,
      operations: [operation.id, highest.id],
      revision: operation.outcome.revision,
    });
  }
}
