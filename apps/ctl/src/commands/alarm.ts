import { rpcpb } from '@quorate/wire';
import type { Context } from '../cli/context.ts';
import { ExitError } from '../exit.ts';
import { omitEmpty } from '../go/json.ts';
import { headerFields, headerJson } from '../print/kv.ts';
import type { Printout } from '../print/printout.ts';

const { GET, DEACTIVATE } = rpcpb.AlarmRequest_AlarmAction;

/** Lists the alarms that are raised. */
export async function alarmList(context: Context): Promise<void> {
  if (context.args.length > 0) {
    throw new ExitError('badArguments', 'alarm list command accepts no arguments');
  }
  const client = await context.client();
  const response = await client.maintenance.alarm({ action: GET }, { timeoutMs: context.timeoutMs });
  context.print(alarmPrintout(response));
}

/** Takes all alarms back, and prints which those were. */
export async function alarmDisarm(context: Context): Promise<void> {
  if (context.args.length > 0) {
    throw new ExitError('badArguments', 'alarm disarm command accepts no arguments');
  }
  const client = await context.client();
  const options = { timeoutMs: context.timeoutMs };
  const { alarms } = await client.maintenance.alarm({ action: GET }, options);
  const disarmed: rpcpb.AlarmMember[] = [];
  for (const { memberID, alarm } of alarms) {
    const response = await client.maintenance.alarm({ action: DEACTIVATE, memberID, alarm }, options);
    disarmed.push(...response.alarms);
  }
  // What is printed sums up several responses, so it has no header.
  context.print(alarmPrintout({ header: undefined, alarms: disarmed }));
}

function alarmPrintout(response: rpcpb.AlarmResponse): Printout {
  const { header, alarms } = response;
  return {
    simple: () => alarms.map((alarm) => `${alarmText(alarm)}\n`).join(''),
    fields: () => {
      const lines = alarms.map(({ memberID, alarm }) => {
        return `"MemberID" : ${memberID}\n"AlarmType" : ${alarmName(alarm)}\n\n`;
      });
      return headerFields(header) + lines.join('');
    },
    json: () =>
      omitEmpty({
        header: headerJson(header),
        alarms: alarms.map(({ memberID, alarm }) => omitEmpty({ memberID, alarm })),
      }),
    protobuf: () => rpcpb.AlarmResponse.encode(response).finish(),
  };
}

/** An alarm in protobuf's text form, which leaves zeros out and ends each field with a space. */
function alarmText({ memberID, alarm }: rpcpb.AlarmMember): string {
  const member = memberID === 0n ? '' : `memberID:${memberID} `;
  return `${member}${alarm === 0 ? '' : `alarm:${alarmName(alarm)} `}`;
}

/** The name of an alarm; of one we do not know, its number. */
export function alarmName(alarm: number): string {
  const known = Object.entries(rpcpb.AlarmType).find(([, number]) => number === alarm);
  return known?.[0] ?? `${alarm}`;
}
