import { fromUtf8, toUtf8 } from '@quorate/std';
import type { Message } from '@quorate/wire';
import { Cluster } from './cluster.ts';
import type { ClusterEvent } from './cluster.ts';
import { parseConfChange, parseEntries, parseGroup, parseHardState, parseMessage } from './story-words.ts';
import {
  describeConfState,
  describeEntries,
  describeEntry,
  describeMessage,
  describeProgress,
  describeSaving,
  describeStatus,
} from './trace.ts';

type Command = (words: readonly string[]) => void;

/**
 * A group that is told what to do in words, and tells in words what came of it. Unless a node is taken `by-hand`,
 * it takes its Readies, saves and applies by itself after each command; messages wait to be delivered.
 *
 *     nodes 1 2 3 learners 4 spare 5 election=10 …      a new group
 *     tick 1 [5] | campaign 1 | forget-leader 1
 *     propose 1 a b | conf 1 +4 -2 ~3 [implicit|explicit] [v1] | conf 1 leave
 *     read 1 context | transfer 1 to 3
 *     deliver 1->2 [MsgApp] | drop 1->2 [MsgApp] | repeat 1->2 | settle | settle quietly | settle telling
 *     lead 1 (campaign and settle) | pass 5 (tick all and settle, five times) | cut 3 | mend
 *     by-hand 1 | by-itself 1 | ready 1 | save 1 | apply 1
 *     crash 1 | restart 1 | disk 1 term=2 vote=1 commit=1 entries=1/1,2/2 | compact 1 5
 *     unreachable 1 3 | snapshot-failed 1 3
 *     send 2->1 MsgApp term=3 log=1/1 …                 a message out of the blue
 *     status 1 | progress 1 | log 1 | config 1
 */
export class Story {
  #cluster: Cluster | undefined;
  #lines: string[] = [];
  #indent = '';
  /** Messages are told of when they are sent. */
  #tellsSending = true;
  readonly #byHand = new Set<bigint>();
  readonly #cut = new Set<bigint>();
  readonly #commands: Record<string, Command>;

  constructor() {
    this.#commands = {
      ...this.#wishes(),
      ...this.#networkCommands(),
      ...this.#ownerCommands(),
      ...this.#questions(),
      nodes: (words) => this.#start(words),
    };
  }

  /** Does what a line says; returns what there is to tell. @throws Error when the line makes no sense */
  tell(line: string): readonly string[] {
    const [name, ...words] = line.trim().split(/\s+/);
    const command = this.#commands[name ?? ''];
    if (command === undefined) throw new Error(`there is no command ${name}`);
    this.#lines = [];
    command(words);
    return this.#lines;
  }

  get #group(): Cluster {
    if (this.#cluster === undefined) throw new Error('a story begins with `nodes`');
    return this.#cluster;
  }

  #start(words: readonly string[]): void {
    const { ids, voters, learners, options } = parseGroup(words);
    this.#cut.clear();
    this.#byHand.clear();
    this.#cluster = new Cluster(ids, { voters, learners }, options, (event) => this.#onEvent(event));
    for (const id of ids) this.#run(id);
    this.#lines = [`voters=${voters.join()}${learners.length > 0 ? ` learners=${learners.join()}` : ''}`];
  }

  /** What a client or the clock may ask of a node. */
  #wishes(): Record<string, Command> {
    const group = (): Cluster => this.#group;
    return {
      tick: ([id, count = '1']) => {
        for (let i = 0; i < Number(count); i++)
          this.#act(id, (node) => group().act(node, (m) => m.node.tick()));
      },
      campaign: ([id]) => this.#act(id, (node) => group().act(node, (m) => m.node.campaign())),
      'forget-leader': ([id]) => this.#act(id, (node) => group().act(node, (m) => m.node.forgetLeader())),
      propose: ([id, ...datas]) =>
        this.#act(id, (node) =>
          this.#refusal(group().act(node, (m) => m.node.proposeMany(datas.map((data) => fromUtf8(data))))),
        ),
      conf: ([id, ...words]) =>
        this.#act(id, (node) => {
          const { type, data } = parseConfChange(words);
          this.#refusal(group().act(node, (m) => m.node.proposeConfChange(type, data)));
        }),
      read: ([id, context = '']) => this.#act(id, (node) => group().read(node, fromUtf8(context))),
      transfer: ([id, , to]) =>
        this.#act(id, (node) => group().act(node, (m) => m.node.transferLeadership(BigInt(to ?? 0)))),
      unreachable: ([id, other]) =>
        this.#act(id, (node) => group().act(node, (m) => m.node.reportUnreachable(BigInt(other ?? 0)))),
      'snapshot-failed': ([id, other]) =>
        this.#act(id, (node) => group().act(node, (m) => m.node.reportSnapshot(BigInt(other ?? 0), false))),
    };
  }

  #networkCommands(): Record<string, Command> {
    return {
      deliver: ([link, type]) => {
        for (const message of this.#underWay(link, type)) this.#deliver(message);
      },
      drop: ([link, type]) => {
        for (const message of this.#underWay(link, type)) {
          this.#group.drop(message);
          this.#say(`lost: ${describeMessage(message)}`);
        }
      },
      repeat: ([link, type]) => {
        for (const message of this.#underWay(link, type)) this.#group.network.push({ ...message });
      },
      settle: ([manner]) => this.#settle(manner),
      pass: ([count]) => this.#pass(Number(count)),
      lead: ([id]) => {
        this.#act(id, (node) => this.#group.act(node, (m) => m.node.campaign()));
        this.#settle('quietly');
        const outcome = `${id} is leader, term ${this.#group.member(BigInt(id ?? 0)).node.term}`;
        if (!this.#lines.includes(outcome)) throw new Error(`${id} is not elected`);
        this.#lines = [outcome];
      },
      cut: (ids) => ids.forEach((id) => this.#cut.add(BigInt(id))),
      mend: () => this.#cut.clear(),
      send: (words) => {
        const message = parseMessage(words);
        this.#group.network.push(message);
        this.#deliver(message);
      },
    };
  }

  /** What the owner of a node, or its machine, does with it. */
  #ownerCommands(): Record<string, Command> {
    return {
      'by-hand': (ids) => ids.forEach((id) => this.#byHand.add(BigInt(id))),
      'by-itself': (ids) =>
        ids.forEach((id) => {
          this.#byHand.delete(BigInt(id));
          this.#run(BigInt(id));
        }),
      ready: ([id]) => void (this.#group.takeReady(BigInt(id ?? 0)) || this.#say('no Ready')),
      save: ([id]) => void (this.#group.save(BigInt(id ?? 0)) || this.#say('nothing to save')),
      apply: ([id]) => void (this.#group.applyNext(BigInt(id ?? 0)) || this.#say('nothing to apply')),
      crash: (ids) => ids.forEach((id) => this.#group.member(BigInt(id)).crash()),
      restart: ([id]) => this.#act(id, (node) => this.#group.act(node, (member) => member.restart())),
      disk: ([id, ...words]) => {
        const member = this.#group.member(BigInt(id ?? 0));
        member.crash();
        const rest = parseEntries(words);
        const kept = member.disk.entries.filter(({ index }) => index < (rest[0]?.index ?? Infinity));
        member.disk.overwrite(parseHardState(words), [...kept, ...rest]);
        this.#act(id, () => member.restart());
      },
      compact: ([id, index]) => this.#group.act(BigInt(id ?? 0), (member) => member.compact(Number(index))),
    };
  }

  #questions(): Record<string, Command> {
    const node = (id: string | undefined) => this.#group.member(BigInt(id ?? 0)).node;
    return {
      status: (ids) => ids.forEach((id) => this.#say(describeStatus(node(id).status))),
      progress: ([id]) => {
        const { progress } = node(id).status;
        for (const one of progress?.values() ?? []) this.#say(describeProgress(one));
      },
      log: ([id]) => {
        const { firstIndex, lastIndex } = node(id).status;
        this.#say(describeEntries(node(id).entries(firstIndex, lastIndex)));
      },
      config: ([id]) => this.#say(describeConfState(node(id).status.confState)),
    };
  }

  #settle(manner: string | undefined): void {
    const said = this.#lines.length;
    this.#tellsSending = false;
    for (let rest = 5000; rest > 0; rest--) {
      const message = this.#group.network[0];
      if (message === undefined) break;
      const before = this.#lines.length;
      this.#deliver(message);
      // Only what became of it all, not the messages that brought it about.
      if (manner !== 'telling') this.#lines.splice(before, 1);
    }
    this.#tellsSending = true;
    const lines = this.#lines.splice(said).map((line) => (manner === 'telling' ? line : line.trimStart()));
    const boring = / applies |nobody is there/;
    this.#lines.push(...(manner === 'quietly' ? lines.filter((line) => !boring.test(line)) : lines));
  }

  /** Time passes everywhere, and messages arrive within a tick. */
  #pass(ticks: number): void {
    for (let i = 0; i < ticks; i++) {
      this.#tellsSending = false;
      for (const member of this.#group.members.values()) {
        if (member.isUp) this.#act(String(member.id), (id) => this.#group.act(id, ({ node }) => node.tick()));
      }
      this.#settle('quietly');
    }
  }

  #deliver(message: Message): void {
    if (this.#cut.has(message.from) || this.#cut.has(message.to)) {
      this.#group.drop(message);
      return this.#say(`lost: ${describeMessage(message)}`);
    }
    this.#say(describeMessage(message));
    this.#indent = '  ';
    const receiver = this.#group.members.get(message.to);
    const before = receiver?.isUp === true ? receiver.node.status.ignoredMessageCount : 0;
    this.#group.deliver(message);
    if (receiver?.isUp !== true) this.#say('nobody is there');
    else if (receiver.node.status.ignoredMessageCount > before) this.#say('ignored');
    this.#run(message.to);
    this.#run(message.from); // Its transport may have had something to report.
    this.#indent = '';
  }

  #underWay(link = '', type?: string): Message[] {
    const [from, to] = link.split('->');
    return this.#group.network.filter(
      (message) =>
        String(message.from) === from &&
        String(message.to) === to &&
        (type === undefined || describeMessage(message).split(' ')[1] === type),
    );
  }

  #act(id: string | undefined, action: (id: bigint) => void): void {
    action(BigInt(id ?? 0));
    this.#run(BigInt(id ?? 0));
  }

  #run(id: bigint): void {
    const member = this.#group.members.get(id);
    if (member?.isUp === true && !this.#byHand.has(id)) this.#group.run(id);
  }

  #refusal(accepted: boolean): void {
    if (!accepted) this.#say('refused');
  }

  #say(line: string): void {
    this.#lines.push(this.#indent + line);
  }

  #onEvent(event: ClusterEvent): void {
    switch (event.kind) {
      case 'sent':
        if (this.#tellsSending) this.#say(describeMessage(event.message));
        return;
      case 'applied': {
        const { confState } = this.#group.member(event.id).machine.state;
        const outcome = event.entry.type === 0 ? '' : `: ${describeConfState(confState)}`;
        return this.#say(`${event.id} applies ${describeEntry(event.entry)}${outcome}`);
      }
      case 'ready':
        return this.#onReady(event);
    }
  }

  #onReady({ id, ready }: ClusterEvent & { readonly kind: 'ready' }): void {
    const { softState, snapshot, readStates } = ready;
    const { term } = this.#group.member(id).node;
    if (softState?.role === 'follower') {
      this.#say(`${id} follows ${softState.leader === 0n ? 'nobody' : softState.leader}, term ${term}`);
    } else if (softState !== undefined) this.#say(`${id} is ${softState.role}, term ${term}`);
    const saving = describeSaving(ready);
    if (this.#byHand.has(id) && saving !== undefined) this.#say(`${id} is to save ${saving}`);
    if (snapshot !== undefined) this.#say(`${id} installs snapshot ${snapshot.term}/${snapshot.index}`);
    for (const { index, context } of readStates) this.#say(`${id} may read "${toUtf8(context)}" at ${index}`);
  }
}
