
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'crew' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'crew'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'crew' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Make `.crew/` with examples of an agent, a team and a workflow')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Carry out a goal with a team of agents')
            [CompletionResult]::new('resume', 'resume', [CompletionResultType]::ParameterValue, 'Go on with an interrupted run')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'End a run or a task for good, with all processes of its agents')
            [CompletionResult]::new('attach', 'attach', [CompletionResultType]::ParameterValue, 'Look on at a run, as if it were carried out here')
            [CompletionResult]::new('wait', 'wait', [CompletionResultType]::ParameterValue, 'Wait until runs have ended')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show where runs stand')
            [CompletionResult]::new('top', 'top', [CompletionResultType]::ParameterValue, 'Watch all runs of the repository, and decide what waits for you')
            [CompletionResult]::new('logs', 'logs', [CompletionResultType]::ParameterValue, 'Print what agents and commands printed')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Show what a run or a task changed')
            [CompletionResult]::new('worktree', 'worktree', [CompletionResultType]::ParameterValue, 'Look after the folders in which tasks work, and their branches')
            [CompletionResult]::new('pr', 'pr', [CompletionResultType]::ParameterValue, 'Push the work of a run and open a pull request')
            [CompletionResult]::new('events', 'events', [CompletionResultType]::ParameterValue, 'Print the events of a run')
            [CompletionResult]::new('search', 'search', [CompletionResultType]::ParameterValue, 'Find where something was said, in all runs or in one')
            [CompletionResult]::new('metrics', 'metrics', [CompletionResultType]::ParameterValue, 'Show what runs came to: tasks, quality, time, cost, by agent and model')
            [CompletionResult]::new('artifacts', 'artifacts', [CompletionResultType]::ParameterValue, 'List the files that a run kept, or print one')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write down all that is known of a run, for people and programs elsewhere')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Take in a run that `crew export` wrote on another machine')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'List work that was kept, or bring it back')
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Take runs out of the record that nobody needs any more')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Say why a run, a task, a gate or an error is where it is, what proves it, and what to type')
            [CompletionResult]::new('gates', 'gates', [CompletionResultType]::ParameterValue, 'Show what waits for you')
            [CompletionResult]::new('gate', 'gate', [CompletionResultType]::ParameterValue, 'Look into gates')
            [CompletionResult]::new('approve', 'approve', [CompletionResultType]::ParameterValue, 'Let a task go on that waits for you')
            [CompletionResult]::new('reject', 'reject', [CompletionResultType]::ParameterValue, 'Refuse what waits for you, or send it back')
            [CompletionResult]::new('answer', 'answer', [CompletionResultType]::ParameterValue, 'Answer a question of an agent')
            [CompletionResult]::new('accept', 'accept', [CompletionResultType]::ParameterValue, 'Let the work of a task count that needs review')
            [CompletionResult]::new('requeue', 'requeue', [CompletionResultType]::ParameterValue, 'Have a task done again that failed, needs review, was cancelled or was skipped')
            [CompletionResult]::new('deadletter', 'deadletter', [CompletionResultType]::ParameterValue, 'See to the tasks that were given up')
            [CompletionResult]::new('merge', 'merge', [CompletionResultType]::ParameterValue, 'Bring the work of a run back to a branch')
            [CompletionResult]::new('submit', 'submit', [CompletionResultType]::ParameterValue, 'Hand in what a task came to (for agents)')
            [CompletionResult]::new('review', 'review', [CompletionResultType]::ParameterValue, 'Have a change reviewed')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List agents, teams and workflows')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show an agent, a team or a workflow, or all attempts of a task')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check agents, teams, workflows and settings')
            [CompletionResult]::new('agents', 'agents', [CompletionResultType]::ParameterValue, 'Look at the programs that can work on a task')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Look at settings and change them')
            [CompletionResult]::new('trust', 'trust', [CompletionResultType]::ParameterValue, 'Let this repository''s own files supply commands and replace built-in names')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Check git, disk, store, the record of runs, settings, resources and agents')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions for a shell')
            [CompletionResult]::new('builtin-agent', 'builtin-agent', [CompletionResultType]::ParameterValue, 'Work as the built-in agent (started by crew itself)')
            [CompletionResult]::new('carry-out', 'carry-out', [CompletionResultType]::ParameterValue, 'Carry out a run that is recorded (for crew itself)')
            [CompletionResult]::new('hook', 'hook', [CompletionResultType]::ParameterValue, 'Answer a hook of an agent''s CLI (started by the agent itself)')
            [CompletionResult]::new('replay-agent', 'replay-agent', [CompletionResultType]::ParameterValue, 'Play a recording back (started by crew itself)')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;init' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;run' {
            [CompletionResult]::new('--resume', '--resume', [CompletionResultType]::ParameterName, 'Go on with an interrupted run, as `crew resume RUN` does: the beginning of its id, or `last`')
            [CompletionResult]::new('--team', '--team', [CompletionResultType]::ParameterName, 'Team to take, with its workflow')
            [CompletionResult]::new('--workflow', '--workflow', [CompletionResultType]::ParameterName, 'Workflow to carry out')
            [CompletionResult]::new('--agent', '--agent', [CompletionResultType]::ParameterName, 'Agent for every step: claude, codex, gemini, opencode, pi, builtin, or one from the settings')
            [CompletionResult]::new('--model', '--model', [CompletionResultType]::ParameterName, 'Model for every agent step')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'Tasks at once')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'Tasks at once')
            [CompletionResult]::new('--max-cost', '--max-cost', [CompletionResultType]::ParameterName, 'US dollars that the run may cost: 2.50; 0 sets no limit')
            [CompletionResult]::new('--max-tokens', '--max-tokens', [CompletionResultType]::ParameterName, 'Tokens that the run may use: 200000, 200k, 1.5M; 0 sets no limit')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'Wall time that the run may take: 90s, 30m, 2h; 0 sets no limit')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Record what each agent prints, hands in and changes, for --replay; a new folder, or one without recordings')
            [CompletionResult]::new('--replay', '--replay', [CompletionResultType]::ParameterName, 'Play recordings back in place of every agent: no agent and no model is needed')
            [CompletionResult]::new('--replay-speed', '--replay-speed', [CompletionResultType]::ParameterName, 'How fast: `instant`, or 1 for as it was, 10 for ten times as fast')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set a setting for this run, or a variable: limits.grace_seconds=1, vars.NAME=VALUE')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--fail-fast', '--fail-fast', [CompletionResultType]::ParameterName, 'Stop everything at the first failure')
            [CompletionResult]::new('--worktree', '--worktree', [CompletionResultType]::ParameterName, 'Let each task work in a git worktree of its own, on a branch of its own')
            [CompletionResult]::new('--include-dirty', '--include-dirty', [CompletionResultType]::ParameterName, 'Let worktrees begin from what is not committed too, instead of refusing a tree with changes')
            [CompletionResult]::new('--no-verify-cache', '--no-verify-cache', [CompletionResultType]::ParameterName, 'Run every `verify` command, although it passed on the very same tree just now')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show tasks, prompts and command lines, and start nothing')
            [CompletionResult]::new('--detach', '--detach', [CompletionResultType]::ParameterName, 'Return as soon as the run is at work, and let a process of its own carry it out; prints the run''s id')
            [CompletionResult]::new('--trust-project', '--trust-project', [CompletionResultType]::ParameterName, 'Trust this repository''s files for this run: they may run commands and replace built-in names')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;resume' {
            [CompletionResult]::new('--max-cost', '--max-cost', [CompletionResultType]::ParameterName, 'US dollars that the run may cost: 2.50; 0 sets no limit')
            [CompletionResult]::new('--max-tokens', '--max-tokens', [CompletionResultType]::ParameterName, 'Tokens that the run may use: 200000, 200k, 1.5M; 0 sets no limit')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'Wall time that the run may take: 90s, 30m, 2h; 0 sets no limit')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set a setting for the rest of this run')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait up to this long while another crew process owns the run; without it, refuse at once')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--trust-project', '--trust-project', [CompletionResultType]::ParameterName, 'Trust this repository''s files for the rest of this run; and the run itself, where it came by crew import')
            [CompletionResult]::new('--detach', '--detach', [CompletionResultType]::ParameterName, 'Return as soon as it is at work again, and let a process of its own carry it out')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;cancel' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why; kept with the record')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Who cancels it; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for the crew process that carries the run out, for its answer and then for the end of all that is cancelled, beside the grace; default: 5 more than the grace, and then 60')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Kill the crew process that carries the run out where it does not answer, or does not come to an end; nothing that is recorded is lost')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;attach' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;wait' {
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Give up after this time: 90s, 10m, 2h')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;status' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'How many runs to list')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'How many runs to list')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--pruned', '--pruned', [CompletionResultType]::ParameterName, 'List the runs that were pruned, and what stays known of them')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;top' {
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'How often to look for what has changed')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'Print where they stand, and end')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;logs' {
            [CompletionResult]::new('--attempt', '--attempt', [CompletionResultType]::ParameterName, 'Only this attempt')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Go on until the run ends')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Go on until the run ends')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;diff' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--stat', '--stat', [CompletionResultType]::ParameterName, 'Show how many lines of each file changed')
            [CompletionResult]::new('--name-only', '--name-only', [CompletionResultType]::ParameterName, 'Show the names of the files only')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;worktree' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'Show what each task''s work tree holds, and what it takes up on the disk')
            [CompletionResult]::new('path', 'path', [CompletionResultType]::ParameterValue, 'Print the folder of a task: cd "$(crew worktree path RUN TASK)"')
            [CompletionResult]::new('open', 'open', [CompletionResultType]::ParameterValue, 'Open the folder of a task in your editor, or in a shell')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Take the folders of tasks away; what only they hold is kept first')
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Take away the work trees whose work is merged or empty')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;worktree;list' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;worktree;path' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;worktree;open' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--shell', '--shell', [CompletionResultType]::ParameterName, 'Start a shell there, whatever the editor is')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;worktree;remove' {
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait up to this long while another crew process owns the run; without it, refuse at once')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--branch', '--branch', [CompletionResultType]::ParameterName, 'Delete their branches too; commits that no other branch has are held at refs/crew/keep/')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Go on although a branch that goes is not merged, or a repository lies inside')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;worktree;prune' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the plan, and do nothing')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Go on without a question')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Go on without a question')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;worktree;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'Show what each task''s work tree holds, and what it takes up on the disk')
            [CompletionResult]::new('path', 'path', [CompletionResultType]::ParameterValue, 'Print the folder of a task: cd "$(crew worktree path RUN TASK)"')
            [CompletionResult]::new('open', 'open', [CompletionResultType]::ParameterValue, 'Open the folder of a task in your editor, or in a shell')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Take the folders of tasks away; what only they hold is kept first')
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Take away the work trees whose work is merged or empty')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;worktree;help;list' {
            break
        }
        'crew;worktree;help;path' {
            break
        }
        'crew;worktree;help;open' {
            break
        }
        'crew;worktree;help;remove' {
            break
        }
        'crew;worktree;help;prune' {
            break
        }
        'crew;worktree;help;help' {
            break
        }
        'crew;pr' {
            [CompletionResult]::new('--into', '--into', [CompletionResultType]::ParameterName, 'Branch that the pull request is for; default: the one that the run began from')
            [CompletionResult]::new('--title', '--title', [CompletionResultType]::ParameterName, 'Its title; default: the first line of the goal')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Give up when the remote or its host takes longer than this for one answer')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait up to this long while another crew process owns the run; without it, refuse at once')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--draft', '--draft', [CompletionResultType]::ParameterName, 'Open it as a draft')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be done, and do nothing')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Push without a question')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Push without a question')
            [CompletionResult]::new('--no-hooks', '--no-hooks', [CompletionResultType]::ParameterName, 'Do not run the repository''s hook before a push')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;events' {
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only events after this sequence number')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Go on until the run ends')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Go on until the run ends')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;search' {
            [CompletionResult]::new('--run', '--run', [CompletionResultType]::ParameterName, 'Only in this run: the beginning of its id, or `last`')
            [CompletionResult]::new('--in', '--in', [CompletionResultType]::ParameterName, 'Only there; may be repeated: goal, task, result, finding, decision, error, note, tool, log')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Show at most so many places')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--regex', '--regex', [CompletionResultType]::ParameterName, 'The text is a regular expression')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;metrics' {
            [CompletionResult]::new('--run', '--run', [CompletionResultType]::ParameterName, 'Of this run only: the beginning of its id, or `last`')
            [CompletionResult]::new('--window', '--window', [CompletionResultType]::ParameterName, 'What happened within this time: 7d, 12h')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print it')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Say what got better or worse: from A to B with from B to now (14d..7d, 2026-05-01..2026-05-08), or what ran under one version with what ran under another (0.1.0..0.2.0). Exit 1 where something got worse')
            [CompletionResult]::new('--serve', '--serve', [CompletionResultType]::ParameterName, 'Answer Prometheus at this address until ctrl-C: 127.0.0.1:9464, or only a port')
            [CompletionResult]::new('--textfile', '--textfile', [CompletionResultType]::ParameterName, 'Write all metrics to a file for the textfile collector of node_exporter; its name ends in .prom, and `{repository}` in it stands for this repository')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Go on, and print what changes, until ctrl-C')
            [CompletionResult]::new('--otlp', '--otlp', [CompletionResultType]::ParameterName, 'Send all metrics to the OpenTelemetry collector of the settings (otlp.endpoint), and with --run or --window the traces of these runs')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;artifacts' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;export' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'bundle, html, json, markdown, junit, csv or events')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The file to write; `-` is standard output. A bundle goes to .crew/exports/crew-RUN.tar.gz without this')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'The file to write; `-` is standard output. A bundle goes to .crew/exports/crew-RUN.tar.gz without this')
            [CompletionResult]::new('--agents', '--agents', [CompletionResultType]::ParameterName, 'Write crew''s agents for this program: claude, codex, cursor, gemini or opencode')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Write over a file that is there already; with --agents over what was changed since then')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show which files would be written, and write none')
            [CompletionResult]::new('--no-branches', '--no-branches', [CompletionResultType]::ParameterName, 'Leave out of a bundle what git holds: branches and kept work')
            [CompletionResult]::new('--with-secrets', '--with-secrets', [CompletionResultType]::ParameterName, 'Put commits into a bundle although they hold what looks like a secret')
            [CompletionResult]::new('--history', '--history', [CompletionResultType]::ParameterName, 'Put all of the history that the branches build on into a bundle too, for a repository that lacks it')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;import' {
            [CompletionResult]::new('--as', '--as', [CompletionResultType]::ParameterName, 'Give it another id, where a different run of its id is here: twelve characters, or `new` for any')
            [CompletionResult]::new('--max-mb', '--max-mb', [CompletionResultType]::ParameterName, 'The most megabytes that may come out of the file')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Who takes it in; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would come, and what stands against it; change nothing')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;restore' {
            [CompletionResult]::new('--branch', '--branch', [CompletionResultType]::ParameterName, 'Make a branch of this name')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Put the files into this folder, which must be empty')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;prune' {
            [CompletionResult]::new('--keep', '--keep', [CompletionResultType]::ParameterName, 'All but the N newest runs')
            [CompletionResult]::new('--older-than', '--older-than', [CompletionResultType]::ParameterName, 'Runs that ended at least this long ago: 30d, 2w, 12h')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the plan, and do nothing')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Go on without a question')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Go on without a question')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;explain' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;gates' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'List those that were decided too')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;gate' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Say whether an action needs your word, and by which setting')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;gate;explain' {
            [CompletionResult]::new('--environment', '--environment', [CompletionResultType]::ParameterName, 'Where the action happens')
            [CompletionResult]::new('--confidence', '--confidence', [CompletionResultType]::ParameterName, 'The confidence of the work that it rests on, from 0 to 1')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;gate;help' {
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Say whether an action needs your word, and by which setting')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;gate;help;explain' {
            break
        }
        'crew;gate;help;help' {
            break
        }
        'crew;approve' {
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Who says so; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for an answer of the crew process that carries the run out')
            [CompletionResult]::new('--note', '--note', [CompletionResultType]::ParameterName, 'What there is to say about it; kept with the decision')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--resume', '--resume', [CompletionResultType]::ParameterName, 'Go on with the run at once')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;reject' {
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Who says so; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for an answer of the crew process that carries the run out')
            [CompletionResult]::new('--note', '--note', [CompletionResultType]::ParameterName, 'What there is to say about it; kept with the decision')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--send-back', '--send-back', [CompletionResultType]::ParameterName, 'Let the agent work on it again; --note says what is to be done')
            [CompletionResult]::new('--resume', '--resume', [CompletionResultType]::ParameterName, 'Go on with the run at once')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;answer' {
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Who says so; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for an answer of the crew process that carries the run out')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--resume', '--resume', [CompletionResultType]::ParameterName, 'Go on with the run at once')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;accept' {
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Who says so; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for an answer of the crew process that carries the run out')
            [CompletionResult]::new('--note', '--note', [CompletionResultType]::ParameterName, 'What there is to say about it; kept with the decision')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--resume', '--resume', [CompletionResultType]::ParameterName, 'Go on with the run at once')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;requeue' {
            [CompletionResult]::new('--with-note', '--with-note', [CompletionResultType]::ParameterName, 'What its agent is told when it works on it again; kept with the record')
            [CompletionResult]::new('--agent', '--agent', [CompletionResultType]::ParameterName, 'Agent that works on it from now on, with that agent''s own model unless --model names one')
            [CompletionResult]::new('--model', '--model', [CompletionResultType]::ParameterName, 'Model that its agent works with from now on')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Why it is worth another attempt although its work was wrong; kept with the record')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Who says so; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for an answer of the crew process that carries the run out')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--failed', '--failed', [CompletionResultType]::ParameterName, 'All tasks of the run that failed')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would become of it, by itself and by this command, and change nothing')
            [CompletionResult]::new('--resume', '--resume', [CompletionResultType]::ParameterName, 'Go on with the run at once')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;deadletter' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List dead letters of all runs, newest first')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a dead letter with the last error and the end of the log')
            [CompletionResult]::new('requeue', 'requeue', [CompletionResultType]::ParameterValue, 'Have the task of a dead letter done again: the same as crew requeue')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Give a task up that is over and not done')
            [CompletionResult]::new('drop', 'drop', [CompletionResultType]::ParameterValue, 'Take a dead letter off the list, without doing its task again')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;deadletter;list' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'How many to list')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'How many to list')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'List those too that were requeued, accepted or dropped')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;deadletter;show' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;deadletter;requeue' {
            [CompletionResult]::new('--with-note', '--with-note', [CompletionResultType]::ParameterName, 'What its agent is told when it works on it again; kept with the record')
            [CompletionResult]::new('--agent', '--agent', [CompletionResultType]::ParameterName, 'Agent that works on it from now on, with that agent''s own model unless --model names one')
            [CompletionResult]::new('--model', '--model', [CompletionResultType]::ParameterName, 'Model that its agent works with from now on')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Why it is worth another attempt although its work was wrong; kept with the record')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Who says so; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for an answer of the crew process that carries the run out')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--failed', '--failed', [CompletionResultType]::ParameterName, 'All tasks of the run that failed')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would become of it, by itself and by this command, and change nothing')
            [CompletionResult]::new('--resume', '--resume', [CompletionResultType]::ParameterName, 'Go on with the run at once')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;deadletter;add' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why; kept with it')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Who says so; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for an answer of the crew process that carries the run out')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;deadletter;drop' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why nobody has to see it any more; kept in the record')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Who says so; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for an answer of the crew process that carries the run out')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;deadletter;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List dead letters of all runs, newest first')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a dead letter with the last error and the end of the log')
            [CompletionResult]::new('requeue', 'requeue', [CompletionResultType]::ParameterValue, 'Have the task of a dead letter done again: the same as crew requeue')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Give a task up that is over and not done')
            [CompletionResult]::new('drop', 'drop', [CompletionResultType]::ParameterValue, 'Take a dead letter off the list, without doing its task again')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;deadletter;help;list' {
            break
        }
        'crew;deadletter;help;show' {
            break
        }
        'crew;deadletter;help;requeue' {
            break
        }
        'crew;deadletter;help;add' {
            break
        }
        'crew;deadletter;help;drop' {
            break
        }
        'crew;deadletter;help;help' {
            break
        }
        'crew;merge' {
            [CompletionResult]::new('--into', '--into', [CompletionResultType]::ParameterName, 'Branch to merge into; default: the one that the run began from')
            [CompletionResult]::new('--resolve', '--resolve', [CompletionResultType]::ParameterName, 'Give conflicts to this agent, and merge what it makes of them where crew has nothing against it')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Who merges; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set a setting for this merge')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait up to this long while another crew process owns the run; without it, refuse at once')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--merge', '--merge', [CompletionResultType]::ParameterName, 'Make a merge commit for each task')
            [CompletionResult]::new('--squash', '--squash', [CompletionResultType]::ParameterName, 'Make one plain commit of each task''s work')
            [CompletionResult]::new('--rebase', '--rebase', [CompletionResultType]::ParameterName, 'Take over each of the task''s own commits')
            [CompletionResult]::new('--rewritten', '--rewritten', [CompletionResultType]::ParameterName, 'Take branches of tasks as they are that were reset or rebased since')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be merged, with its conflicts, and move nothing')
            [CompletionResult]::new('--no-verify', '--no-verify', [CompletionResultType]::ParameterName, 'Do not run the verification commands')
            [CompletionResult]::new('--trust-project', '--trust-project', [CompletionResultType]::ParameterName, 'Trust this repository''s files for this merge; and the run itself, where it came by crew import')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;submit' {
            [CompletionResult]::new('--schema', '--schema', [CompletionResultType]::ParameterName, 'Print as JSON Schema what may be handed in: in this attempt, by a ROLE, or by anybody')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('result', 'result', [CompletionResultType]::ParameterValue, 'Hand in the result of the task')
            [CompletionResult]::new('noop', 'noop', [CompletionResultType]::ParameterValue, 'Say that there is nothing to do, and why')
            [CompletionResult]::new('blocked', 'blocked', [CompletionResultType]::ParameterValue, 'Say that it cannot be done, and why')
            [CompletionResult]::new('escalation', 'escalation', [CompletionResultType]::ParameterValue, 'Hand the task to a person of the roster, and say why')
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Hand in a plan, for roles that change no file')
            [CompletionResult]::new('question', 'question', [CompletionResultType]::ParameterValue, 'Ask a person something that the task cannot go on without')
            [CompletionResult]::new('hypothesis', 'hypothesis', [CompletionResultType]::ParameterValue, 'Note what you take for true, on the way; concludes nothing')
            [CompletionResult]::new('progress', 'progress', [CompletionResultType]::ParameterValue, 'Say how far you have come, on the way; concludes nothing')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;submit;result' {
            [CompletionResult]::new('--summary', '--summary', [CompletionResultType]::ParameterName, 'What was done, in a sentence or two')
            [CompletionResult]::new('--confidence', '--confidence', [CompletionResultType]::ParameterName, 'How sure you are, from 0 to 1')
            [CompletionResult]::new('--rationale', '--rationale', [CompletionResultType]::ParameterName, 'Why you are as sure as that')
            [CompletionResult]::new('--details', '--details', [CompletionResultType]::ParameterName, 'The result at length, as Markdown')
            [CompletionResult]::new('--verdict', '--verdict', [CompletionResultType]::ParameterName, 'What a verifier concludes: pass, fail or inconclusive')
            [CompletionResult]::new('--test', '--test', [CompletionResultType]::ParameterName, 'A test that was written or changed, and what it shows; may stand more than once')
            [CompletionResult]::new('--risk', '--risk', [CompletionResultType]::ParameterName, 'What could go wrong; may stand more than once')
            [CompletionResult]::new('--follow-up', '--follow-up', [CompletionResultType]::ParameterName, 'What is left to do; may stand more than once')
            [CompletionResult]::new('--no-change-reason', '--no-change-reason', [CompletionResultType]::ParameterName, 'Why no file was changed, in a role that may change some')
            [CompletionResult]::new('--field', '--field', [CompletionResultType]::ParameterName, 'A field that the step asks for, as JSON or as text; may stand more than once')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Take all of it from a JSON file; `-` is standard input')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Check it, show what its files would change, and hand in nothing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;submit;noop' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Take it from a JSON file; `-` is standard input')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;submit;blocked' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Take it from a JSON file; `-` is standard input')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;submit;escalation' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Who has to see it: a name of the roster')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Take it from a JSON file; `-` is standard input')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;submit;plan' {
            [CompletionResult]::new('--summary', '--summary', [CompletionResultType]::ParameterName, 'What the plan comes to, in a sentence or two')
            [CompletionResult]::new('--step', '--step', [CompletionResultType]::ParameterName, 'One step, as a line; may stand more than once, in the order of the plan')
            [CompletionResult]::new('--risk', '--risk', [CompletionResultType]::ParameterName, 'What could go wrong; may stand more than once')
            [CompletionResult]::new('--confidence', '--confidence', [CompletionResultType]::ParameterName, 'How sure you are that it reaches the goal, from 0 to 1')
            [CompletionResult]::new('--rationale', '--rationale', [CompletionResultType]::ParameterName, 'Why you are as sure as that')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Take all of it from a JSON file, where a step may have a detail and files; `-` is standard input')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;submit;question' {
            [CompletionResult]::new('--question', '--question', [CompletionResultType]::ParameterName, 'What a person has to say')
            [CompletionResult]::new('--option', '--option', [CompletionResultType]::ParameterName, 'An answer to choose from; may stand more than once')
            [CompletionResult]::new('--default', '--default', [CompletionResultType]::ParameterName, 'The answer that is taken at the deadline; one of the options')
            [CompletionResult]::new('--deadline-seconds', '--deadline-seconds', [CompletionResultType]::ParameterName, 'How long to wait; then the default is taken, and without one the task needs review')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Take all of it from a JSON file; `-` is standard input')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;submit;hypothesis' {
            [CompletionResult]::new('--statement', '--statement', [CompletionResultType]::ParameterName, 'What you take for true')
            [CompletionResult]::new('--confidence', '--confidence', [CompletionResultType]::ParameterName, 'How sure you are, from 0 to 1')
            [CompletionResult]::new('--rationale', '--rationale', [CompletionResultType]::ParameterName, 'Why you are as sure as that')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Take all of it from a JSON file; `-` is standard input')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;submit;progress' {
            [CompletionResult]::new('--message', '--message', [CompletionResultType]::ParameterName, 'What you are doing, as a line')
            [CompletionResult]::new('--percent', '--percent', [CompletionResultType]::ParameterName, 'How much is done, from 0 to 100')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Take all of it from a JSON file; `-` is standard input')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;submit;help' {
            [CompletionResult]::new('result', 'result', [CompletionResultType]::ParameterValue, 'Hand in the result of the task')
            [CompletionResult]::new('noop', 'noop', [CompletionResultType]::ParameterValue, 'Say that there is nothing to do, and why')
            [CompletionResult]::new('blocked', 'blocked', [CompletionResultType]::ParameterValue, 'Say that it cannot be done, and why')
            [CompletionResult]::new('escalation', 'escalation', [CompletionResultType]::ParameterValue, 'Hand the task to a person of the roster, and say why')
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Hand in a plan, for roles that change no file')
            [CompletionResult]::new('question', 'question', [CompletionResultType]::ParameterValue, 'Ask a person something that the task cannot go on without')
            [CompletionResult]::new('hypothesis', 'hypothesis', [CompletionResultType]::ParameterValue, 'Note what you take for true, on the way; concludes nothing')
            [CompletionResult]::new('progress', 'progress', [CompletionResultType]::ParameterValue, 'Say how far you have come, on the way; concludes nothing')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;submit;help;result' {
            break
        }
        'crew;submit;help;noop' {
            break
        }
        'crew;submit;help;blocked' {
            break
        }
        'crew;submit;help;escalation' {
            break
        }
        'crew;submit;help;plan' {
            break
        }
        'crew;submit;help;question' {
            break
        }
        'crew;submit;help;hypothesis' {
            break
        }
        'crew;submit;help;progress' {
            break
        }
        'crew;submit;help;help' {
            break
        }
        'crew;review' {
            [CompletionResult]::new('--base', '--base', [CompletionResultType]::ParameterName, 'What HEAD adds to this branch or commit')
            [CompletionResult]::new('--pr', '--pr', [CompletionResultType]::ParameterName, 'A pull request, by its number; at GitLab a merge request')
            [CompletionResult]::new('--task', '--task', [CompletionResultType]::ParameterName, 'The work of a task: RUN/TASK')
            [CompletionResult]::new('--reviewer', '--reviewer', [CompletionResultType]::ParameterName, 'Who reviews: builtin, claude, codex:security, ... (crew review reviewers); may be given several times')
            [CompletionResult]::new('--fail-on', '--fail-on', [CompletionResultType]::ParameterName, 'The least grave finding for which the exit code is 5: info, warning, error, blocker, or none')
            [CompletionResult]::new('--min-confidence', '--min-confidence', [CompletionResultType]::ParameterName, 'List only findings that are at least so sure, from 0 to 1')
            [CompletionResult]::new('--agree', '--agree', [CompletionResultType]::ParameterName, 'List only findings on which so many reviewers agree')
            [CompletionResult]::new('--new-only', '--new-only', [CompletionResultType]::ParameterName, 'List only what is new: not in the baseline, in an earlier review (its id) or in a SARIF file (its path)')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'text, json, sarif, github, gitlab, rdjson, checkstyle, junit or markdown; with =FILE into a file. May be given several times')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The file for a form that names none, in the order of the forms')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'The file for a form that names none, in the order of the forms')
            [CompletionResult]::new('--sarif-category', '--sarif-category', [CompletionResultType]::ParameterName, 'Tells SARIF reports of one commit apart that different teams make')
            [CompletionResult]::new('--sarif-max-level', '--sarif-max-level', [CompletionResultType]::ParameterName, 'The gravest level in SARIF: GitHub''s own check fails for a new `error`, whatever crew''s exit code is')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Have what is found put right by --fix-with, and review again, until this is the verdict')
            [CompletionResult]::new('--rounds', '--rounds', [CompletionResultType]::ParameterName, 'How often the work goes back at most; then it needs your review')
            [CompletionResult]::new('--fix-with', '--fix-with', [CompletionResultType]::ParameterName, 'The agent that puts right what is found, in a worktree and a session of its own')
            [CompletionResult]::new('--verify', '--verify', [CompletionResultType]::ParameterName, 'A command that crew runs after each fix; it has to exit with 0. May be given several times')
            [CompletionResult]::new('--max-cost', '--max-cost', [CompletionResultType]::ParameterName, 'US dollars that the run may cost: 2.50; 0 sets no limit')
            [CompletionResult]::new('--max-tokens', '--max-tokens', [CompletionResultType]::ParameterName, 'Tokens that the run may use: 200000, 200k, 1.5M; 0 sets no limit')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'Wall time that the run may take: 90s, 30m, 2h; 0 sets no limit')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'Reviewers at once')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'Reviewers at once')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set a setting for this review: limits.grace_seconds=1')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--staged', '--staged', [CompletionResultType]::ParameterName, 'What is staged')
            [CompletionResult]::new('--worktree', '--worktree', [CompletionResultType]::ParameterName, 'All that is not committed, with untracked files')
            [CompletionResult]::new('--post', '--post', [CompletionResultType]::ParameterName, 'Say at the pull request what was found, through `gh` or `glab` (crew review post)')
            [CompletionResult]::new('--again', '--again', [CompletionResultType]::ParameterName, 'Review the same commit again, although it was approved')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be reviewed, by whom and with which prompts, and start nothing')
            [CompletionResult]::new('--trust-project', '--trust-project', [CompletionResultType]::ParameterName, 'Trust this repository''s files for this review')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('submit', 'submit', [CompletionResultType]::ParameterValue, 'Hand in the verdict of a review')
            [CompletionResult]::new('baseline', 'baseline', [CompletionResultType]::ParameterValue, 'Put up with findings, by a file that git tracks')
            [CompletionResult]::new('post', 'post', [CompletionResultType]::ParameterValue, 'Say at a pull request what a review found')
            [CompletionResult]::new('reviewers', 'reviewers', [CompletionResultType]::ParameterValue, 'List those who can review here, and who does where nobody is named')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List reviews, the newest first, with what is open of them')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show the report of a review once more, or one of its findings whole')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Give what was found to the agent whose work was reviewed, and put that back to the queue')
            [CompletionResult]::new('dismiss', 'dismiss', [CompletionResultType]::ParameterValue, 'Say that findings are nothing, so that they stay quiet in later reviews')
            [CompletionResult]::new('resolve', 'resolve', [CompletionResultType]::ParameterValue, 'Say that findings are put right')
            [CompletionResult]::new('reopen', 'reopen', [CompletionResultType]::ParameterValue, 'Take back what was decided about findings')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'End a review for good, with all its reviewers')
            [CompletionResult]::new('stats', 'stats', [CompletionResultType]::ParameterValue, 'Show how much of what each reviewer finds is right')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;review;submit' {
            [CompletionResult]::new('--verdict', '--verdict', [CompletionResultType]::ParameterName, 'The verdict')
            [CompletionResult]::new('--body', '--body', [CompletionResultType]::ParameterName, 'The review in words; `-` is standard input')
            [CompletionResult]::new('--findings', '--findings', [CompletionResultType]::ParameterName, 'A JSON file with a list of findings; `-` is standard input')
            [CompletionResult]::new('--review', '--review', [CompletionResultType]::ParameterName, 'A review that a person adds theirs to: the beginning of its id, or `last`')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Whose review it is; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('--resolved', '--resolved', [CompletionResultType]::ParameterName, 'A finding of the review before that is resolved, with what shows it; once for each')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;review;baseline' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Put up with findings of a review')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List what is put up with')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'No longer put up with findings')
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Take out what has expired, and what is about files that are gone')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;review;baseline;add' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why they are put up with')
            [CompletionResult]::new('--expires', '--expires', [CompletionResultType]::ParameterName, 'The last day on which they are (2027-01-31), or how long from now (90d, 12w)')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Who says so; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'All that it found')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;review;baseline;list' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;review;baseline;remove' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;review;baseline;prune' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;review;baseline;help' {
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Put up with findings of a review')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List what is put up with')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'No longer put up with findings')
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Take out what has expired, and what is about files that are gone')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;review;baseline;help;add' {
            break
        }
        'crew;review;baseline;help;list' {
            break
        }
        'crew;review;baseline;help;remove' {
            break
        }
        'crew;review;baseline;help;prune' {
            break
        }
        'crew;review;baseline;help;help' {
            break
        }
        'crew;review;post' {
            [CompletionResult]::new('--pr', '--pr', [CompletionResultType]::ParameterName, 'Number of the pull request; default: the one that was reviewed, or that the pipeline runs for')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Give up when the host takes longer than this for one answer')
            [CompletionResult]::new('--fail-on', '--fail-on', [CompletionResultType]::ParameterName, 'The least grave finding for which the exit code is 5: info, warning, error, blocker, or none')
            [CompletionResult]::new('--min-confidence', '--min-confidence', [CompletionResultType]::ParameterName, 'List only findings that are at least so sure, from 0 to 1')
            [CompletionResult]::new('--agree', '--agree', [CompletionResultType]::ParameterName, 'List only findings on which so many reviewers agree')
            [CompletionResult]::new('--new-only', '--new-only', [CompletionResultType]::ParameterName, 'List only what is new: not in the baseline, in an earlier review (its id) or in a SARIF file (its path)')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be said, and say nothing')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;review;reviewers' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;review;list' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'List all of them, and not only the newest 20')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;review;show' {
            [CompletionResult]::new('--fail-on', '--fail-on', [CompletionResultType]::ParameterName, 'The least grave finding for which the exit code is 5: info, warning, error, blocker, or none')
            [CompletionResult]::new('--min-confidence', '--min-confidence', [CompletionResultType]::ParameterName, 'List only findings that are at least so sure, from 0 to 1')
            [CompletionResult]::new('--agree', '--agree', [CompletionResultType]::ParameterName, 'List only findings on which so many reviewers agree')
            [CompletionResult]::new('--new-only', '--new-only', [CompletionResultType]::ParameterName, 'List only what is new: not in the baseline, in an earlier review (its id) or in a SARIF file (its path)')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'text, json, sarif, github, gitlab, rdjson, checkstyle, junit or markdown; with =FILE into a file. May be given several times')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The file for a form that names none, in the order of the forms')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'The file for a form that names none, in the order of the forms')
            [CompletionResult]::new('--sarif-category', '--sarif-category', [CompletionResultType]::ParameterName, 'Tells SARIF reports of one commit apart that different teams make')
            [CompletionResult]::new('--sarif-max-level', '--sarif-max-level', [CompletionResultType]::ParameterName, 'The gravest level in SARIF: GitHub''s own check fails for a new `error`, whatever crew''s exit code is')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;review;send' {
            [CompletionResult]::new('--severity', '--severity', [CompletionResultType]::ParameterName, 'The least grave finding that is sent')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Who says so; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for an answer of the crew process that carries the run out')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--resume', '--resume', [CompletionResultType]::ParameterName, 'Go on with its run at once')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;review;dismiss' {
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'Why; kept with the decision')
            [CompletionResult]::new('--evidence', '--evidence', [CompletionResultType]::ParameterName, 'What shows that it is so: a commit, a test')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Who says so; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for an answer of the crew process that carries the run out')
            [CompletionResult]::new('--kind', '--kind', [CompletionResultType]::ParameterName, 'What is wrong with them, so that it can be counted (crew review stats)')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;review;resolve' {
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'Why; kept with the decision')
            [CompletionResult]::new('--evidence', '--evidence', [CompletionResultType]::ParameterName, 'What shows that it is so: a commit, a test')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Who says so; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for an answer of the crew process that carries the run out')
            [CompletionResult]::new('--kind', '--kind', [CompletionResultType]::ParameterName, 'How: as they said, in another way, or by going round it')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;review;reopen' {
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'Why; kept with the decision')
            [CompletionResult]::new('--evidence', '--evidence', [CompletionResultType]::ParameterName, 'What shows that it is so: a commit, a test')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Who says so; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for an answer of the crew process that carries the run out')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;review;cancel' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why; kept with the record')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Who cancels it; default: git''s user.name, or the user of this account')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for the crew process that carries the run out, for its answer and then for the end of all that is cancelled, beside the grace; default: 5 more than the grace, and then 60')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Kill the crew process that carries the run out where it does not answer, or does not come to an end; nothing that is recorded is lost')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;review;stats' {
            [CompletionResult]::new('--window', '--window', [CompletionResultType]::ParameterName, 'Of reviews that were asked for within this time: 7d, 12h')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;review;help' {
            [CompletionResult]::new('submit', 'submit', [CompletionResultType]::ParameterValue, 'Hand in the verdict of a review')
            [CompletionResult]::new('baseline', 'baseline', [CompletionResultType]::ParameterValue, 'Put up with findings, by a file that git tracks')
            [CompletionResult]::new('post', 'post', [CompletionResultType]::ParameterValue, 'Say at a pull request what a review found')
            [CompletionResult]::new('reviewers', 'reviewers', [CompletionResultType]::ParameterValue, 'List those who can review here, and who does where nobody is named')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List reviews, the newest first, with what is open of them')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show the report of a review once more, or one of its findings whole')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Give what was found to the agent whose work was reviewed, and put that back to the queue')
            [CompletionResult]::new('dismiss', 'dismiss', [CompletionResultType]::ParameterValue, 'Say that findings are nothing, so that they stay quiet in later reviews')
            [CompletionResult]::new('resolve', 'resolve', [CompletionResultType]::ParameterValue, 'Say that findings are put right')
            [CompletionResult]::new('reopen', 'reopen', [CompletionResultType]::ParameterValue, 'Take back what was decided about findings')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'End a review for good, with all its reviewers')
            [CompletionResult]::new('stats', 'stats', [CompletionResultType]::ParameterValue, 'Show how much of what each reviewer finds is right')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;review;help;submit' {
            break
        }
        'crew;review;help;baseline' {
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Put up with findings of a review')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List what is put up with')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'No longer put up with findings')
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Take out what has expired, and what is about files that are gone')
            break
        }
        'crew;review;help;baseline;add' {
            break
        }
        'crew;review;help;baseline;list' {
            break
        }
        'crew;review;help;baseline;remove' {
            break
        }
        'crew;review;help;baseline;prune' {
            break
        }
        'crew;review;help;post' {
            break
        }
        'crew;review;help;reviewers' {
            break
        }
        'crew;review;help;list' {
            break
        }
        'crew;review;help;show' {
            break
        }
        'crew;review;help;send' {
            break
        }
        'crew;review;help;dismiss' {
            break
        }
        'crew;review;help;resolve' {
            break
        }
        'crew;review;help;reopen' {
            break
        }
        'crew;review;help;cancel' {
            break
        }
        'crew;review;help;stats' {
            break
        }
        'crew;review;help;help' {
            break
        }
        'crew;list' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;show' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;validate' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;agents' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the agents with version, sign-in and what each can do')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;agents;list' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;agents;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the agents with version, sign-in and what each can do')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;agents;help;list' {
            break
        }
        'crew;agents;help;help' {
            break
        }
        'crew;config' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Print the value of a setting')
            [CompletionResult]::new('set', 'set', [CompletionResultType]::ParameterValue, 'Set a setting for you, or for the project')
            [CompletionResult]::new('unset', 'unset', [CompletionResultType]::ParameterValue, 'Take a setting out of your file, or the project''s')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List all settings')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of a settings file')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;config;get' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;config;set' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'In the project''s file, which is tracked by git')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;config;unset' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'In the project''s file')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;config;list' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Show where each value comes from')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;config;schema' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;config;help' {
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Print the value of a setting')
            [CompletionResult]::new('set', 'set', [CompletionResultType]::ParameterValue, 'Set a setting for you, or for the project')
            [CompletionResult]::new('unset', 'unset', [CompletionResultType]::ParameterValue, 'Take a setting out of your file, or the project''s')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List all settings')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of a settings file')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;config;help;get' {
            break
        }
        'crew;config;help;set' {
            break
        }
        'crew;config;help;unset' {
            break
        }
        'crew;config;help;list' {
            break
        }
        'crew;config;help;schema' {
            break
        }
        'crew;config;help;help' {
            break
        }
        'crew;trust' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--revoke', '--revoke', [CompletionResultType]::ParameterName, 'Take the trust back')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;doctor' {
            [CompletionResult]::new('--agents', '--agents', [CompletionResultType]::ParameterName, 'Try the installed agent CLIs, or those named, against a scripted model: spends no token')
            [CompletionResult]::new('--probe', '--probe', [CompletionResultType]::ParameterName, 'Ask an agent''s real model for one word, in your own home: this costs tokens')
            [CompletionResult]::new('--model', '--model', [CompletionResultType]::ParameterName, 'Model to ask for one word')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'File that the bundle is written to, which is not there yet; `-` is standard output. Else one in .crew/exports')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'File that the bundle is written to, which is not there yet; `-` is standard output. Else one in .crew/exports')
            [CompletionResult]::new('--patience', '--patience', [CompletionResultType]::ParameterName, 'How long one call of an agent may take, in seconds')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--fix', '--fix', [CompletionResultType]::ParameterName, 'Repair what can be repaired safely, and say what was done')
            [CompletionResult]::new('--bundle', '--bundle', [CompletionResultType]::ParameterName, 'Write what a report of a mistake needs into one file, without secrets, and say what is in it')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;completions' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;builtin-agent' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;carry-out' {
            [CompletionResult]::new('--lock', '--lock', [CompletionResultType]::ParameterName, 'The open file whose lock on the run is inherited')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set a setting for this run')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Record into this folder, which has been made for that')
            [CompletionResult]::new('--replay', '--replay', [CompletionResultType]::ParameterName, 'Play recordings back in place of every agent')
            [CompletionResult]::new('--replay-speed', '--replay-speed', [CompletionResultType]::ParameterName, 'How fast')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--trust-project', '--trust-project', [CompletionResultType]::ParameterName, 'Trust this repository''s files for this run')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print data as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;hook' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('stop', 'stop', [CompletionResultType]::ParameterValue, 'The agent wants to end')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;hook;stop' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'Work in the repository of this folder')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;hook;help' {
            [CompletionResult]::new('stop', 'stop', [CompletionResultType]::ParameterValue, 'The agent wants to end')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;hook;help;stop' {
            break
        }
        'crew;hook;help;help' {
            break
        }
        'crew;replay-agent' {
            [CompletionResult]::new('--speed', '--speed', [CompletionResultType]::ParameterName, 'How fast')
            [CompletionResult]::new('--reminded', '--reminded', [CompletionResultType]::ParameterName, 'Play what the attempt did after it was reminded to submit')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print data and errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on standard error what is decided and done; -vv says more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'crew;help' {
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Make `.crew/` with examples of an agent, a team and a workflow')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Carry out a goal with a team of agents')
            [CompletionResult]::new('resume', 'resume', [CompletionResultType]::ParameterValue, 'Go on with an interrupted run')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'End a run or a task for good, with all processes of its agents')
            [CompletionResult]::new('attach', 'attach', [CompletionResultType]::ParameterValue, 'Look on at a run, as if it were carried out here')
            [CompletionResult]::new('wait', 'wait', [CompletionResultType]::ParameterValue, 'Wait until runs have ended')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show where runs stand')
            [CompletionResult]::new('top', 'top', [CompletionResultType]::ParameterValue, 'Watch all runs of the repository, and decide what waits for you')
            [CompletionResult]::new('logs', 'logs', [CompletionResultType]::ParameterValue, 'Print what agents and commands printed')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Show what a run or a task changed')
            [CompletionResult]::new('worktree', 'worktree', [CompletionResultType]::ParameterValue, 'Look after the folders in which tasks work, and their branches')
            [CompletionResult]::new('pr', 'pr', [CompletionResultType]::ParameterValue, 'Push the work of a run and open a pull request')
            [CompletionResult]::new('events', 'events', [CompletionResultType]::ParameterValue, 'Print the events of a run')
            [CompletionResult]::new('search', 'search', [CompletionResultType]::ParameterValue, 'Find where something was said, in all runs or in one')
            [CompletionResult]::new('metrics', 'metrics', [CompletionResultType]::ParameterValue, 'Show what runs came to: tasks, quality, time, cost, by agent and model')
            [CompletionResult]::new('artifacts', 'artifacts', [CompletionResultType]::ParameterValue, 'List the files that a run kept, or print one')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write down all that is known of a run, for people and programs elsewhere')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Take in a run that `crew export` wrote on another machine')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'List work that was kept, or bring it back')
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Take runs out of the record that nobody needs any more')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Say why a run, a task, a gate or an error is where it is, what proves it, and what to type')
            [CompletionResult]::new('gates', 'gates', [CompletionResultType]::ParameterValue, 'Show what waits for you')
            [CompletionResult]::new('gate', 'gate', [CompletionResultType]::ParameterValue, 'Look into gates')
            [CompletionResult]::new('approve', 'approve', [CompletionResultType]::ParameterValue, 'Let a task go on that waits for you')
            [CompletionResult]::new('reject', 'reject', [CompletionResultType]::ParameterValue, 'Refuse what waits for you, or send it back')
            [CompletionResult]::new('answer', 'answer', [CompletionResultType]::ParameterValue, 'Answer a question of an agent')
            [CompletionResult]::new('accept', 'accept', [CompletionResultType]::ParameterValue, 'Let the work of a task count that needs review')
            [CompletionResult]::new('requeue', 'requeue', [CompletionResultType]::ParameterValue, 'Have a task done again that failed, needs review, was cancelled or was skipped')
            [CompletionResult]::new('deadletter', 'deadletter', [CompletionResultType]::ParameterValue, 'See to the tasks that were given up')
            [CompletionResult]::new('merge', 'merge', [CompletionResultType]::ParameterValue, 'Bring the work of a run back to a branch')
            [CompletionResult]::new('submit', 'submit', [CompletionResultType]::ParameterValue, 'Hand in what a task came to (for agents)')
            [CompletionResult]::new('review', 'review', [CompletionResultType]::ParameterValue, 'Have a change reviewed')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List agents, teams and workflows')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show an agent, a team or a workflow, or all attempts of a task')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check agents, teams, workflows and settings')
            [CompletionResult]::new('agents', 'agents', [CompletionResultType]::ParameterValue, 'Look at the programs that can work on a task')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Look at settings and change them')
            [CompletionResult]::new('trust', 'trust', [CompletionResultType]::ParameterValue, 'Let this repository''s own files supply commands and replace built-in names')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Check git, disk, store, the record of runs, settings, resources and agents')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions for a shell')
            [CompletionResult]::new('builtin-agent', 'builtin-agent', [CompletionResultType]::ParameterValue, 'Work as the built-in agent (started by crew itself)')
            [CompletionResult]::new('carry-out', 'carry-out', [CompletionResultType]::ParameterValue, 'Carry out a run that is recorded (for crew itself)')
            [CompletionResult]::new('hook', 'hook', [CompletionResultType]::ParameterValue, 'Answer a hook of an agent''s CLI (started by the agent itself)')
            [CompletionResult]::new('replay-agent', 'replay-agent', [CompletionResultType]::ParameterValue, 'Play a recording back (started by crew itself)')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'crew;help;init' {
            break
        }
        'crew;help;run' {
            break
        }
        'crew;help;resume' {
            break
        }
        'crew;help;cancel' {
            break
        }
        'crew;help;attach' {
            break
        }
        'crew;help;wait' {
            break
        }
        'crew;help;status' {
            break
        }
        'crew;help;top' {
            break
        }
        'crew;help;logs' {
            break
        }
        'crew;help;diff' {
            break
        }
        'crew;help;worktree' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'Show what each task''s work tree holds, and what it takes up on the disk')
            [CompletionResult]::new('path', 'path', [CompletionResultType]::ParameterValue, 'Print the folder of a task: cd "$(crew worktree path RUN TASK)"')
            [CompletionResult]::new('open', 'open', [CompletionResultType]::ParameterValue, 'Open the folder of a task in your editor, or in a shell')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Take the folders of tasks away; what only they hold is kept first')
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Take away the work trees whose work is merged or empty')
            break
        }
        'crew;help;worktree;list' {
            break
        }
        'crew;help;worktree;path' {
            break
        }
        'crew;help;worktree;open' {
            break
        }
        'crew;help;worktree;remove' {
            break
        }
        'crew;help;worktree;prune' {
            break
        }
        'crew;help;pr' {
            break
        }
        'crew;help;events' {
            break
        }
        'crew;help;search' {
            break
        }
        'crew;help;metrics' {
            break
        }
        'crew;help;artifacts' {
            break
        }
        'crew;help;export' {
            break
        }
        'crew;help;import' {
            break
        }
        'crew;help;restore' {
            break
        }
        'crew;help;prune' {
            break
        }
        'crew;help;explain' {
            break
        }
        'crew;help;gates' {
            break
        }
        'crew;help;gate' {
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Say whether an action needs your word, and by which setting')
            break
        }
        'crew;help;gate;explain' {
            break
        }
        'crew;help;approve' {
            break
        }
        'crew;help;reject' {
            break
        }
        'crew;help;answer' {
            break
        }
        'crew;help;accept' {
            break
        }
        'crew;help;requeue' {
            break
        }
        'crew;help;deadletter' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List dead letters of all runs, newest first')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a dead letter with the last error and the end of the log')
            [CompletionResult]::new('requeue', 'requeue', [CompletionResultType]::ParameterValue, 'Have the task of a dead letter done again: the same as crew requeue')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Give a task up that is over and not done')
            [CompletionResult]::new('drop', 'drop', [CompletionResultType]::ParameterValue, 'Take a dead letter off the list, without doing its task again')
            break
        }
        'crew;help;deadletter;list' {
            break
        }
        'crew;help;deadletter;show' {
            break
        }
        'crew;help;deadletter;requeue' {
            break
        }
        'crew;help;deadletter;add' {
            break
        }
        'crew;help;deadletter;drop' {
            break
        }
        'crew;help;merge' {
            break
        }
        'crew;help;submit' {
            [CompletionResult]::new('result', 'result', [CompletionResultType]::ParameterValue, 'Hand in the result of the task')
            [CompletionResult]::new('noop', 'noop', [CompletionResultType]::ParameterValue, 'Say that there is nothing to do, and why')
            [CompletionResult]::new('blocked', 'blocked', [CompletionResultType]::ParameterValue, 'Say that it cannot be done, and why')
            [CompletionResult]::new('escalation', 'escalation', [CompletionResultType]::ParameterValue, 'Hand the task to a person of the roster, and say why')
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Hand in a plan, for roles that change no file')
            [CompletionResult]::new('question', 'question', [CompletionResultType]::ParameterValue, 'Ask a person something that the task cannot go on without')
            [CompletionResult]::new('hypothesis', 'hypothesis', [CompletionResultType]::ParameterValue, 'Note what you take for true, on the way; concludes nothing')
            [CompletionResult]::new('progress', 'progress', [CompletionResultType]::ParameterValue, 'Say how far you have come, on the way; concludes nothing')
            break
        }
        'crew;help;submit;result' {
            break
        }
        'crew;help;submit;noop' {
            break
        }
        'crew;help;submit;blocked' {
            break
        }
        'crew;help;submit;escalation' {
            break
        }
        'crew;help;submit;plan' {
            break
        }
        'crew;help;submit;question' {
            break
        }
        'crew;help;submit;hypothesis' {
            break
        }
        'crew;help;submit;progress' {
            break
        }
        'crew;help;review' {
            [CompletionResult]::new('submit', 'submit', [CompletionResultType]::ParameterValue, 'Hand in the verdict of a review')
            [CompletionResult]::new('baseline', 'baseline', [CompletionResultType]::ParameterValue, 'Put up with findings, by a file that git tracks')
            [CompletionResult]::new('post', 'post', [CompletionResultType]::ParameterValue, 'Say at a pull request what a review found')
            [CompletionResult]::new('reviewers', 'reviewers', [CompletionResultType]::ParameterValue, 'List those who can review here, and who does where nobody is named')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List reviews, the newest first, with what is open of them')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show the report of a review once more, or one of its findings whole')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Give what was found to the agent whose work was reviewed, and put that back to the queue')
            [CompletionResult]::new('dismiss', 'dismiss', [CompletionResultType]::ParameterValue, 'Say that findings are nothing, so that they stay quiet in later reviews')
            [CompletionResult]::new('resolve', 'resolve', [CompletionResultType]::ParameterValue, 'Say that findings are put right')
            [CompletionResult]::new('reopen', 'reopen', [CompletionResultType]::ParameterValue, 'Take back what was decided about findings')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'End a review for good, with all its reviewers')
            [CompletionResult]::new('stats', 'stats', [CompletionResultType]::ParameterValue, 'Show how much of what each reviewer finds is right')
            break
        }
        'crew;help;review;submit' {
            break
        }
        'crew;help;review;baseline' {
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Put up with findings of a review')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List what is put up with')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'No longer put up with findings')
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Take out what has expired, and what is about files that are gone')
            break
        }
        'crew;help;review;baseline;add' {
            break
        }
        'crew;help;review;baseline;list' {
            break
        }
        'crew;help;review;baseline;remove' {
            break
        }
        'crew;help;review;baseline;prune' {
            break
        }
        'crew;help;review;post' {
            break
        }
        'crew;help;review;reviewers' {
            break
        }
        'crew;help;review;list' {
            break
        }
        'crew;help;review;show' {
            break
        }
        'crew;help;review;send' {
            break
        }
        'crew;help;review;dismiss' {
            break
        }
        'crew;help;review;resolve' {
            break
        }
        'crew;help;review;reopen' {
            break
        }
        'crew;help;review;cancel' {
            break
        }
        'crew;help;review;stats' {
            break
        }
        'crew;help;list' {
            break
        }
        'crew;help;show' {
            break
        }
        'crew;help;validate' {
            break
        }
        'crew;help;agents' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the agents with version, sign-in and what each can do')
            break
        }
        'crew;help;agents;list' {
            break
        }
        'crew;help;config' {
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Print the value of a setting')
            [CompletionResult]::new('set', 'set', [CompletionResultType]::ParameterValue, 'Set a setting for you, or for the project')
            [CompletionResult]::new('unset', 'unset', [CompletionResultType]::ParameterValue, 'Take a setting out of your file, or the project''s')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List all settings')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of a settings file')
            break
        }
        'crew;help;config;get' {
            break
        }
        'crew;help;config;set' {
            break
        }
        'crew;help;config;unset' {
            break
        }
        'crew;help;config;list' {
            break
        }
        'crew;help;config;schema' {
            break
        }
        'crew;help;trust' {
            break
        }
        'crew;help;doctor' {
            break
        }
        'crew;help;completions' {
            break
        }
        'crew;help;builtin-agent' {
            break
        }
        'crew;help;carry-out' {
            break
        }
        'crew;help;hook' {
            [CompletionResult]::new('stop', 'stop', [CompletionResultType]::ParameterValue, 'The agent wants to end')
            break
        }
        'crew;help;hook;stop' {
            break
        }
        'crew;help;replay-agent' {
            break
        }
        'crew;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
