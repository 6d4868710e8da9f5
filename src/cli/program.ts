import { Command, CommanderError, Option } from 'commander';
import { version } from '../lib/version.ts';
import { type ApplyFlags, applyCommand } from './apply.ts';
import { type ApproveFlags, approveCommand } from './approve.ts';
import { type Context, failWith } from './context.ts';
import { type DoctorFlags, doctorCommand } from './doctor.ts';
import { type ExplainFlags, explainCommand } from './explain.ts';
import { type HistoryFlags, historyCommand } from './history.ts';
import { type ImportFlags, importCommand } from './import.ts';
import { type InitFlags, initCommand } from './init.ts';
import { type MigrateFlags, migrateCommand } from './migrate.ts';
import { denyCommand, type OperatorFlags, offCommand, pauseCommand, resumeCommand } from './operator.ts';
import { type PlanFlags, planCommand } from './plan.ts';
import { type RestoreFlags, restoreCommand } from './restore.ts';
import { type RunFlags, runCommand } from './run.ts';
import { type SnapshotFlags, snapshotCommand } from './snapshot.ts';
import { type StatusFlags, statusCommand } from './status.ts';
import { type ValidateFlags, validateCommand } from './validate.ts';
import { type VerifyFlags, verifyCommand } from './verify.ts';

const exits = `
Exit status: 0 done; 1 failed; 2 changes pending (plan --detailed-exitcode); 3 something is blocked by the guard;
4 done, but some toggles are held; 64 wrong use.`;

/** The command line. Each command is a file beside this one; nothing here knows what they do. */
export async function runProgram(args: readonly string[], context: Context): Promise<void> {
  const program = new Command('optoggles')
    .description('Policy says who may use a feature, git says which features exist, a flag platform serves them.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('optoggles --help tells the commands, optoggles COMMAND --help the options of one.')
    .configureOutput({
      writeOut: text => context.stdout.write(text),
      writeErr: text => context.stderr.write(text),
    })
    .addHelpText('after', exits);
  const configOption = [
    '-c, --config <file>',
    'the configuration (default: optoggles.yaml, config.yaml, /etc/optoggles/config.yaml)',
  ] as const;
  const jsonOption = ['--json <file>', 'the result as JSON; - is stdout'] as const;
  const only = new Option('--only <key...>', 'only these toggles; never computes removals');
  const timeout = new Option('--timeout <duration>', 'how long to wait for sources and targets').default('5m');

  const forOption = ['--for <duration>', 'how long (default: until it is taken back)'] as const;
  const reasonOption = ['--reason <text>', 'why, for everybody who looks'] as const;
  const byOption = ['--by <name>', 'who says so, for the audit log'] as const;
  const instance = new Option('--server <url>', 'say it to a running instance; admin token in OPTOGGLES_TOKEN');

  program
    .command('validate')
    .description('check the configuration and every flag file; needs no secret and no network')
    .option(...configOption)
    .option(...jsonOption)
    .action((flags: ValidateFlags) => validateCommand(context, flags));
  program
    .command('plan')
    .description('show who would gain and lose which toggle; writes nothing')
    .option(...configOption)
    .option(...jsonOption)
    .option('--markdown', 'the plan as Markdown')
    .option('--show-users', 'names, not only counts')
    .addOption(only)
    .addOption(timeout)
    .option('--server <url>', 'let a running instance make the plan, of the flag files here; token in OPTOGGLES_TOKEN')
    .option('--snapshot <file>', 'ask no policy: its answers are those of optoggles snapshot')
    .option('--detailed-exitcode', 'exit 2 when changes are pending, 3 when blocked, 4 when held')
    .action((flags: PlanFlags) => planCommand(context, flags));
  program
    .command('apply')
    .description('make the targets agree with policy and git, once')
    .option(...configOption)
    .option(...jsonOption)
    .option('--show-users', 'names, not only counts')
    .addOption(only)
    .addOption(timeout)
    .option('--checksum <checksum>', 'only if the changes by definition are those of the plan with this checksum')
    .option('--approve <id...>', 'let through what the guard blocked under this id')
    .option('--server <url>', 'bring a running instance to the commit here instead; admin token in OPTOGGLES_TOKEN')
    .option('--commit <id>', 'with --server: this commit; none: whatever it has')
    .action((flags: ApplyFlags) => applyCommand(context, flags));
  program
    .command('verify')
    .description("ask each platform's own evaluation whether it serves what policy says; writes nothing")
    .option(...configOption)
    .option(...jsonOption)
    .option('--show-users', 'names, not only counts')
    .addOption(only)
    .addOption(timeout)
    .option('--strangers <count>', 'about how many people who are no members to ask per placement', '1000')
    .option('--seed <number>', 'which strangers: the same seed asks about the same', '1')
    .action((flags: VerifyFlags) => verifyCommand(context, flags));
  program
    .command('explain')
    .description('why somebody has a toggle, or does not; writes nothing')
    .argument('<key>', 'the toggle')
    .argument('<user>', 'the member, as policy names it')
    .option(...configOption)
    .option(...jsonOption)
    .option('--environment <name>', 'only this environment')
    .addOption(timeout)
    .action((key: string, user: string, flags: ExplainFlags) => explainCommand(context, key, user, flags));
  program
    .command('snapshot')
    .description('write what policy answers, with keyed hashes for names, for plans where it cannot be asked')
    .option(...configOption)
    .option('--out <file>', 'where to (default: stdout)')
    .addOption(timeout)
    .action((flags: SnapshotFlags) => snapshotCommand(context, flags));
  program
    .command('doctor')
    .description(
      'look at everything that a running instance needs: who is reached, what tokens may, clocks; writes nothing',
    )
    .option(...configOption)
    .option(...jsonOption)
    .option('--trigger', 'also make OPAL load everything again, and see whether it calls back')
    .addOption(timeout)
    .action((flags: DoctorFlags) => doctorCommand(context, flags));
  program
    .command('history')
    .description('when somebody got a toggle or lost it, by which commit, revision and approval')
    .argument('[key]', 'the toggle')
    .argument('[user]', 'only what became of this member, as policy names it')
    .option(...configOption)
    .option(...jsonOption)
    .option('--since <when>', 'not before: 24h, 7d, 2026-11-01')
    .option('--export <file>', 'the audit log as JSON lines, of all toggles where no key is given; - is stdout')
    .action((key: string | undefined, user: string | undefined, flags: HistoryFlags) =>
      historyCommand(context, key, user, flags),
    );
  program
    .command('run')
    .description('keep the targets in agreement, until SIGTERM')
    .option(...configOption)
    .action((flags: RunFlags) => runCommand(context, flags));
  program
    .command('init')
    .description('write a repository of flag files to begin with: configuration, first flag, workflows, code owners')
    .requiredOption('--owner <owner>', 'who answers for the first flag: @organization/team, an address')
    .option('--out <folder>', 'where to', '.')
    .option('--instance <name>', "names this installation (default: the folder's name)")
    .option('--branch <name>', 'what is merged into it is applied', 'main')
    .option('--action <ref>', 'the action as workflows name it: organization/repository@commit')
    .action((flags: InitFlags) => initCommand(context, flags));
  program
    .command('migrate')
    .description("write optoggles.yaml and flags/ from OPToggles' old config.yaml")
    .option(...configOption)
    .option('--out <folder>', 'where to', '.')
    .action((flags: MigrateFlags) => migrateCommand(context, flags));
  program
    .command('import')
    .description('write flag files for the flags of an account in use, and take them over as they are')
    .argument('<what>', 'ld: an account of LaunchDarkly')
    .option(
      '-c, --config <file>',
      'the configuration whose target is read (default: the usual places; without one it is written too, for the account of LAUNCHDARKLY_TOKEN)',
    )
    .option(...jsonOption)
    .option('--target <name>', 'the target, where the configuration has several')
    .option('--project <key>', "the project (default: the target's)")
    .option('--environments <names>', 'only these, with commas between them')
    .option('--source <id>', 'the static source that gets the users (default: imported)')
    .option('--instance <name>', 'of the configuration that is written')
    .option('--base-url <url>', "of LaunchDarkly's API, for the configuration that is written")
    .option('--out <folder>', 'write the files there; of a configuration in use, no flag is marked then')
    .option('--no-mark', 'write nothing to the account: the next apply puts our mark on the flags')
    .addOption(timeout)
    .action((what: string, flags: ImportFlags) => importCommand(context, what, flags));
  program
    .command('approve')
    .description('let through what the guard blocked, for 60 minutes')
    .argument('[id]', 'the id of the block')
    .option(...configOption)
    .option('--source <id>', 'instead of an id: everything of this source')
    .option('--for <duration>', 'with --source: how long')
    .option('--reason <text>', 'with --source: why')
    .option('--by <name>', 'who approves, for the audit log')
    .addOption(instance)
    .action((id: string | undefined, flags: ApproveFlags) => approveCommand(context, id, flags));
  program
    .command('off')
    .description('switch a toggle off for everybody, at once, whatever git and policy say')
    .argument('<key>', 'the toggle')
    .option('--environment <name>', 'only there')
    .option(...configOption)
    .option(...forOption)
    .option(...reasonOption)
    .option(...byOption)
    .addOption(instance)
    .action((key: string, flags: OperatorFlags & { environment?: string }) => offCommand(context, key, flags));
  program
    .command('deny')
    .description('take every toggle from a user, at once, whatever policy and guard say')
    .argument('<user>', 'as policy names it')
    .option(...configOption)
    .option(...forOption)
    .option(...reasonOption)
    .option(...byOption)
    .addOption(instance)
    .action((user: string, flags: OperatorFlags) => denyCommand(context, user, flags));
  program
    .command('pause')
    .description(
      'take no answers from a source, or write nothing to a target or for a toggle; off and deny still go through',
    )
    .argument('<name>', 'the source, the target, or the key of the toggle')
    .option('--kind <kind>', 'source, target or toggle, where the name is not enough')
    .option(...configOption)
    .option(...forOption)
    .option(...reasonOption)
    .option(...byOption)
    .addOption(instance)
    .action((name: string, flags: OperatorFlags & { kind?: string }) => pauseCommand(context, name, flags));
  program
    .command('resume')
    .description('take back what off, deny or pause said')
    .argument('<name>', 'its id, or the toggle, user, source or target')
    .option('--kind <kind>', 'source, target, toggle or user, where the name is not enough')
    .option('--environment <name>', 'only what was switched off there')
    .option(...configOption)
    .option(...byOption)
    .addOption(instance)
    .action((name: string, flags: OperatorFlags & { kind?: string; environment?: string }) =>
      resumeCommand(context, name, flags),
    );
  program
    .command('restore')
    .description('put a flag back as it was before it was taken over; without --yes it only shows what that changes')
    .argument('<key>', 'the toggle')
    .option(...configOption)
    .option('--target <name>', 'only there')
    .option('--yes', 'do it: the toggle is paused, and the flag is no more ours')
    .option(...byOption)
    .action((key: string, flags: RestoreFlags) => restoreCommand(context, key, flags));
  program
    .command('status')
    .description('ask a running instance how everything stands')
    .option(...configOption)
    .option(...jsonOption)
    .option('--server <url>', 'the instance (default: where the configuration binds)')
    .action((flags: StatusFlags) => statusCommand(context, flags));

  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) context.exit(error.exitCode === 0 ? 0 : 64);
    else failWith(context, error);
  }
}
