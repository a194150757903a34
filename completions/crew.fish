# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_crew_global_optspecs
    string join \n q/quiet v/verbose C/folder= h/help V/version
end

function __fish_crew_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_crew_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_crew_using_subcommand
    set -l cmd (__fish_crew_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c crew -n "__fish_crew_needs_command" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_needs_command" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_needs_command" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_needs_command" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_needs_command" -f -a "init" -d 'Make `.crew/` with examples of an agent, a team and a workflow'
complete -c crew -n "__fish_crew_needs_command" -f -a "run" -d 'Carry out a goal with a team of agents'
complete -c crew -n "__fish_crew_needs_command" -f -a "resume" -d 'Go on with an interrupted run'
complete -c crew -n "__fish_crew_needs_command" -f -a "cancel" -d 'End a run or a task for good, with all processes of its agents'
complete -c crew -n "__fish_crew_needs_command" -f -a "attach" -d 'Look on at a run, as if it were carried out here'
complete -c crew -n "__fish_crew_needs_command" -f -a "wait" -d 'Wait until runs have ended'
complete -c crew -n "__fish_crew_needs_command" -f -a "status" -d 'Show where runs stand'
complete -c crew -n "__fish_crew_needs_command" -f -a "top" -d 'Watch all runs of the repository, and decide what waits for you'
complete -c crew -n "__fish_crew_needs_command" -f -a "logs" -d 'Print what agents and commands printed'
complete -c crew -n "__fish_crew_needs_command" -f -a "diff" -d 'Show what a run or a task changed'
complete -c crew -n "__fish_crew_needs_command" -f -a "worktree" -d 'Look after the folders in which tasks work, and their branches'
complete -c crew -n "__fish_crew_needs_command" -f -a "pr" -d 'Push the work of a run and open a pull request'
complete -c crew -n "__fish_crew_needs_command" -f -a "events" -d 'Print the events of a run'
complete -c crew -n "__fish_crew_needs_command" -f -a "search" -d 'Find where something was said, in all runs or in one'
complete -c crew -n "__fish_crew_needs_command" -f -a "metrics" -d 'Show what runs came to: tasks, quality, time, cost, by agent and model'
complete -c crew -n "__fish_crew_needs_command" -f -a "artifacts" -d 'List the files that a run kept, or print one'
complete -c crew -n "__fish_crew_needs_command" -f -a "export" -d 'Write down all that is known of a run, for people and programs elsewhere'
complete -c crew -n "__fish_crew_needs_command" -f -a "import" -d 'Take in a run that `crew export` wrote on another machine'
complete -c crew -n "__fish_crew_needs_command" -f -a "restore" -d 'List work that was kept, or bring it back'
complete -c crew -n "__fish_crew_needs_command" -f -a "prune" -d 'Take runs out of the record that nobody needs any more'
complete -c crew -n "__fish_crew_needs_command" -f -a "explain" -d 'Say why a run, a task, a gate or an error is where it is, what proves it, and what to type'
complete -c crew -n "__fish_crew_needs_command" -f -a "gates" -d 'Show what waits for you'
complete -c crew -n "__fish_crew_needs_command" -f -a "gate" -d 'Look into gates'
complete -c crew -n "__fish_crew_needs_command" -f -a "approve" -d 'Let a task go on that waits for you'
complete -c crew -n "__fish_crew_needs_command" -f -a "reject" -d 'Refuse what waits for you, or send it back'
complete -c crew -n "__fish_crew_needs_command" -f -a "answer" -d 'Answer a question of an agent'
complete -c crew -n "__fish_crew_needs_command" -f -a "accept" -d 'Let the work of a task count that needs review'
complete -c crew -n "__fish_crew_needs_command" -f -a "requeue" -d 'Have a task done again that failed, needs review, was cancelled or was skipped'
complete -c crew -n "__fish_crew_needs_command" -f -a "deadletter" -d 'See to the tasks that were given up'
complete -c crew -n "__fish_crew_needs_command" -f -a "merge" -d 'Bring the work of a run back to a branch'
complete -c crew -n "__fish_crew_needs_command" -f -a "submit" -d 'Hand in what a task came to (for agents)'
complete -c crew -n "__fish_crew_needs_command" -f -a "review" -d 'Have a change reviewed'
complete -c crew -n "__fish_crew_needs_command" -f -a "list" -d 'List agents, teams and workflows'
complete -c crew -n "__fish_crew_needs_command" -f -a "show" -d 'Show an agent, a team or a workflow, or all attempts of a task'
complete -c crew -n "__fish_crew_needs_command" -f -a "validate" -d 'Check agents, teams, workflows and settings'
complete -c crew -n "__fish_crew_needs_command" -f -a "agents" -d 'Look at the programs that can work on a task'
complete -c crew -n "__fish_crew_needs_command" -f -a "config" -d 'Look at settings and change them'
complete -c crew -n "__fish_crew_needs_command" -f -a "trust" -d 'Let this repository\'s own files supply commands and replace built-in names'
complete -c crew -n "__fish_crew_needs_command" -f -a "doctor" -d 'Check git, disk, store, the record of runs, settings, resources and agents'
complete -c crew -n "__fish_crew_needs_command" -f -a "completions" -d 'Print the completions for a shell'
complete -c crew -n "__fish_crew_needs_command" -f -a "builtin-agent" -d 'Work as the built-in agent (started by crew itself)'
complete -c crew -n "__fish_crew_needs_command" -f -a "carry-out" -d 'Carry out a run that is recorded (for crew itself)'
complete -c crew -n "__fish_crew_needs_command" -f -a "hook" -d 'Answer a hook of an agent\'s CLI (started by the agent itself)'
complete -c crew -n "__fish_crew_needs_command" -f -a "replay-agent" -d 'Play a recording back (started by crew itself)'
complete -c crew -n "__fish_crew_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand init" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand init" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand init" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand init" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand init" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand run" -l resume -d 'Go on with an interrupted run, as `crew resume RUN` does: the beginning of its id, or `last`' -r
complete -c crew -n "__fish_crew_using_subcommand run" -l team -d 'Team to take, with its workflow' -r
complete -c crew -n "__fish_crew_using_subcommand run" -l workflow -d 'Workflow to carry out' -r
complete -c crew -n "__fish_crew_using_subcommand run" -l agent -d 'Agent for every step: claude, codex, gemini, opencode, pi, builtin, or one from the settings' -r
complete -c crew -n "__fish_crew_using_subcommand run" -l model -d 'Model for every agent step' -r
complete -c crew -n "__fish_crew_using_subcommand run" -s j -l jobs -d 'Tasks at once' -r
complete -c crew -n "__fish_crew_using_subcommand run" -l max-cost -d 'US dollars that the run may cost: 2.50; 0 sets no limit' -r
complete -c crew -n "__fish_crew_using_subcommand run" -l max-tokens -d 'Tokens that the run may use: 200000, 200k, 1.5M; 0 sets no limit' -r
complete -c crew -n "__fish_crew_using_subcommand run" -l max-time -d 'Wall time that the run may take: 90s, 30m, 2h; 0 sets no limit' -r
complete -c crew -n "__fish_crew_using_subcommand run" -l record -d 'Record what each agent prints, hands in and changes, for --replay; a new folder, or one without recordings' -r -F
complete -c crew -n "__fish_crew_using_subcommand run" -l replay -d 'Play recordings back in place of every agent: no agent and no model is needed' -r -F
complete -c crew -n "__fish_crew_using_subcommand run" -l replay-speed -d 'How fast: `instant`, or 1 for as it was, 10 for ten times as fast' -r
complete -c crew -n "__fish_crew_using_subcommand run" -l set -d 'Set a setting for this run, or a variable: limits.grace_seconds=1, vars.NAME=VALUE' -r
complete -c crew -n "__fish_crew_using_subcommand run" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand run" -l fail-fast -d 'Stop everything at the first failure'
complete -c crew -n "__fish_crew_using_subcommand run" -l worktree -d 'Let each task work in a git worktree of its own, on a branch of its own'
complete -c crew -n "__fish_crew_using_subcommand run" -l include-dirty -d 'Let worktrees begin from what is not committed too, instead of refusing a tree with changes'
complete -c crew -n "__fish_crew_using_subcommand run" -l no-verify-cache -d 'Run every `verify` command, although it passed on the very same tree just now'
complete -c crew -n "__fish_crew_using_subcommand run" -l dry-run -d 'Show tasks, prompts and command lines, and start nothing'
complete -c crew -n "__fish_crew_using_subcommand run" -l detach -d 'Return as soon as the run is at work, and let a process of its own carry it out; prints the run\'s id'
complete -c crew -n "__fish_crew_using_subcommand run" -l trust-project -d 'Trust this repository\'s files for this run: they may run commands and replace built-in names'
complete -c crew -n "__fish_crew_using_subcommand run" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand run" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand run" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand run" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand resume" -l max-cost -d 'US dollars that the run may cost: 2.50; 0 sets no limit' -r
complete -c crew -n "__fish_crew_using_subcommand resume" -l max-tokens -d 'Tokens that the run may use: 200000, 200k, 1.5M; 0 sets no limit' -r
complete -c crew -n "__fish_crew_using_subcommand resume" -l max-time -d 'Wall time that the run may take: 90s, 30m, 2h; 0 sets no limit' -r
complete -c crew -n "__fish_crew_using_subcommand resume" -l set -d 'Set a setting for the rest of this run' -r
complete -c crew -n "__fish_crew_using_subcommand resume" -l wait -d 'Wait up to this long while another crew process owns the run; without it, refuse at once' -r
complete -c crew -n "__fish_crew_using_subcommand resume" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand resume" -l trust-project -d 'Trust this repository\'s files for the rest of this run; and the run itself, where it came by crew import'
complete -c crew -n "__fish_crew_using_subcommand resume" -l detach -d 'Return as soon as it is at work again, and let a process of its own carry it out'
complete -c crew -n "__fish_crew_using_subcommand resume" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand resume" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand resume" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand resume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand resume" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand cancel" -l reason -d 'Why; kept with the record' -r
complete -c crew -n "__fish_crew_using_subcommand cancel" -l by -d 'Who cancels it; default: git\'s user.name, or the user of this account' -r
complete -c crew -n "__fish_crew_using_subcommand cancel" -l wait -d 'How long to wait for the crew process that carries the run out, for its answer and then for the end of all that is cancelled, beside the grace; default: 5 more than the grace, and then 60' -r
complete -c crew -n "__fish_crew_using_subcommand cancel" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand cancel" -l force -d 'Kill the crew process that carries the run out where it does not answer, or does not come to an end; nothing that is recorded is lost'
complete -c crew -n "__fish_crew_using_subcommand cancel" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand cancel" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand cancel" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand cancel" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand attach" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand attach" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand attach" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand attach" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand attach" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand attach" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand wait" -l timeout -d 'Give up after this time: 90s, 10m, 2h' -r
complete -c crew -n "__fish_crew_using_subcommand wait" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand wait" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand wait" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand wait" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand wait" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand wait" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand status" -s n -l limit -d 'How many runs to list' -r
complete -c crew -n "__fish_crew_using_subcommand status" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand status" -l pruned -d 'List the runs that were pruned, and what stays known of them'
complete -c crew -n "__fish_crew_using_subcommand status" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand status" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand status" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand status" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand top" -l interval -d 'How often to look for what has changed' -r
complete -c crew -n "__fish_crew_using_subcommand top" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand top" -l once -d 'Print where they stand, and end'
complete -c crew -n "__fish_crew_using_subcommand top" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand top" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand top" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand top" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand top" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand logs" -l attempt -d 'Only this attempt' -r
complete -c crew -n "__fish_crew_using_subcommand logs" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand logs" -s f -l follow -d 'Go on until the run ends'
complete -c crew -n "__fish_crew_using_subcommand logs" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand logs" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand logs" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand logs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand logs" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand diff" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand diff" -l stat -d 'Show how many lines of each file changed'
complete -c crew -n "__fish_crew_using_subcommand diff" -l name-only -d 'Show the names of the files only'
complete -c crew -n "__fish_crew_using_subcommand diff" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand diff" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand diff" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand diff" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand worktree; and not __fish_seen_subcommand_from list path open remove prune help" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand worktree; and not __fish_seen_subcommand_from list path open remove prune help" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand worktree; and not __fish_seen_subcommand_from list path open remove prune help" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand worktree; and not __fish_seen_subcommand_from list path open remove prune help" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand worktree; and not __fish_seen_subcommand_from list path open remove prune help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand worktree; and not __fish_seen_subcommand_from list path open remove prune help" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand worktree; and not __fish_seen_subcommand_from list path open remove prune help" -f -a "list" -d 'Show what each task\'s work tree holds, and what it takes up on the disk'
complete -c crew -n "__fish_crew_using_subcommand worktree; and not __fish_seen_subcommand_from list path open remove prune help" -f -a "path" -d 'Print the folder of a task: cd "$(crew worktree path RUN TASK)"'
complete -c crew -n "__fish_crew_using_subcommand worktree; and not __fish_seen_subcommand_from list path open remove prune help" -f -a "open" -d 'Open the folder of a task in your editor, or in a shell'
complete -c crew -n "__fish_crew_using_subcommand worktree; and not __fish_seen_subcommand_from list path open remove prune help" -f -a "remove" -d 'Take the folders of tasks away; what only they hold is kept first'
complete -c crew -n "__fish_crew_using_subcommand worktree; and not __fish_seen_subcommand_from list path open remove prune help" -f -a "prune" -d 'Take away the work trees whose work is merged or empty'
complete -c crew -n "__fish_crew_using_subcommand worktree; and not __fish_seen_subcommand_from list path open remove prune help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from list" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from list" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from path" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from path" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from path" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from path" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from path" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from open" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from open" -l shell -d 'Start a shell there, whatever the editor is'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from open" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from open" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from open" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from open" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from open" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from remove" -l wait -d 'Wait up to this long while another crew process owns the run; without it, refuse at once' -r
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from remove" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from remove" -l branch -d 'Delete their branches too; commits that no other branch has are held at refs/crew/keep/'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from remove" -l force -d 'Go on although a branch that goes is not merged, or a repository lies inside'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from remove" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from prune" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from prune" -l dry-run -d 'Show the plan, and do nothing'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from prune" -s y -l yes -d 'Go on without a question'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from prune" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from prune" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from prune" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from prune" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from help" -f -a "list" -d 'Show what each task\'s work tree holds, and what it takes up on the disk'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from help" -f -a "path" -d 'Print the folder of a task: cd "$(crew worktree path RUN TASK)"'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from help" -f -a "open" -d 'Open the folder of a task in your editor, or in a shell'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Take the folders of tasks away; what only they hold is kept first'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from help" -f -a "prune" -d 'Take away the work trees whose work is merged or empty'
complete -c crew -n "__fish_crew_using_subcommand worktree; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand pr" -l into -d 'Branch that the pull request is for; default: the one that the run began from' -r
complete -c crew -n "__fish_crew_using_subcommand pr" -l title -d 'Its title; default: the first line of the goal' -r
complete -c crew -n "__fish_crew_using_subcommand pr" -l timeout -d 'Give up when the remote or its host takes longer than this for one answer' -r
complete -c crew -n "__fish_crew_using_subcommand pr" -l wait -d 'Wait up to this long while another crew process owns the run; without it, refuse at once' -r
complete -c crew -n "__fish_crew_using_subcommand pr" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand pr" -l draft -d 'Open it as a draft'
complete -c crew -n "__fish_crew_using_subcommand pr" -l dry-run -d 'Show what would be done, and do nothing'
complete -c crew -n "__fish_crew_using_subcommand pr" -s y -l yes -d 'Push without a question'
complete -c crew -n "__fish_crew_using_subcommand pr" -l no-hooks -d 'Do not run the repository\'s hook before a push'
complete -c crew -n "__fish_crew_using_subcommand pr" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand pr" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand pr" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand pr" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand pr" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand events" -l since -d 'Only events after this sequence number' -r
complete -c crew -n "__fish_crew_using_subcommand events" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand events" -s f -l follow -d 'Go on until the run ends'
complete -c crew -n "__fish_crew_using_subcommand events" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand events" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand events" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand events" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand events" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand search" -l run -d 'Only in this run: the beginning of its id, or `last`' -r
complete -c crew -n "__fish_crew_using_subcommand search" -l in -d 'Only there; may be repeated: goal, task, result, finding, decision, error, note, tool, log' -r
complete -c crew -n "__fish_crew_using_subcommand search" -l limit -d 'Show at most so many places' -r
complete -c crew -n "__fish_crew_using_subcommand search" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand search" -l regex -d 'The text is a regular expression'
complete -c crew -n "__fish_crew_using_subcommand search" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand search" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand search" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand search" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand search" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand metrics" -l run -d 'Of this run only: the beginning of its id, or `last`' -r
complete -c crew -n "__fish_crew_using_subcommand metrics" -l window -d 'What happened within this time: 7d, 12h' -r
complete -c crew -n "__fish_crew_using_subcommand metrics" -l format -d 'How to print it' -r -f -a "table\t''
json\t'As with --json'
prometheus\t'Prometheus\' text format'
openmetrics\t''"
complete -c crew -n "__fish_crew_using_subcommand metrics" -l compare -d 'Say what got better or worse: from A to B with from B to now (14d..7d, 2026-05-01..2026-05-08), or what ran under one version with what ran under another (0.1.0..0.2.0). Exit 1 where something got worse' -r
complete -c crew -n "__fish_crew_using_subcommand metrics" -l serve -d 'Answer Prometheus at this address until ctrl-C: 127.0.0.1:9464, or only a port' -r
complete -c crew -n "__fish_crew_using_subcommand metrics" -l textfile -d 'Write all metrics to a file for the textfile collector of node_exporter; its name ends in .prom, and `{repository}` in it stands for this repository' -r -F
complete -c crew -n "__fish_crew_using_subcommand metrics" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand metrics" -l watch -d 'Go on, and print what changes, until ctrl-C'
complete -c crew -n "__fish_crew_using_subcommand metrics" -l otlp -d 'Send all metrics to the OpenTelemetry collector of the settings (otlp.endpoint), and with --run or --window the traces of these runs'
complete -c crew -n "__fish_crew_using_subcommand metrics" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand metrics" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand metrics" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand metrics" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand metrics" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand artifacts" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand artifacts" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand artifacts" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand artifacts" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand artifacts" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand artifacts" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand export" -l format -d 'bundle, html, json, markdown, junit, csv or events' -r
complete -c crew -n "__fish_crew_using_subcommand export" -s o -l output -d 'The file to write; `-` is standard output. A bundle goes to .crew/exports/crew-RUN.tar.gz without this' -r -F
complete -c crew -n "__fish_crew_using_subcommand export" -l agents -d 'Write crew\'s agents for this program: claude, codex, cursor, gemini or opencode' -r
complete -c crew -n "__fish_crew_using_subcommand export" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand export" -l force -d 'Write over a file that is there already; with --agents over what was changed since then'
complete -c crew -n "__fish_crew_using_subcommand export" -l dry-run -d 'Show which files would be written, and write none'
complete -c crew -n "__fish_crew_using_subcommand export" -l no-branches -d 'Leave out of a bundle what git holds: branches and kept work'
complete -c crew -n "__fish_crew_using_subcommand export" -l with-secrets -d 'Put commits into a bundle although they hold what looks like a secret'
complete -c crew -n "__fish_crew_using_subcommand export" -l history -d 'Put all of the history that the branches build on into a bundle too, for a repository that lacks it'
complete -c crew -n "__fish_crew_using_subcommand export" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand export" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand export" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand export" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand import" -l as -d 'Give it another id, where a different run of its id is here: twelve characters, or `new` for any' -r
complete -c crew -n "__fish_crew_using_subcommand import" -l max-mb -d 'The most megabytes that may come out of the file' -r
complete -c crew -n "__fish_crew_using_subcommand import" -l by -d 'Who takes it in; default: git\'s user.name, or the user of this account' -r
complete -c crew -n "__fish_crew_using_subcommand import" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand import" -l dry-run -d 'Show what would come, and what stands against it; change nothing'
complete -c crew -n "__fish_crew_using_subcommand import" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand import" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand import" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand import" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand restore" -l branch -d 'Make a branch of this name' -r
complete -c crew -n "__fish_crew_using_subcommand restore" -l to -d 'Put the files into this folder, which must be empty' -r -F
complete -c crew -n "__fish_crew_using_subcommand restore" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand restore" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand restore" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand restore" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand restore" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand prune" -l keep -d 'All but the N newest runs' -r
complete -c crew -n "__fish_crew_using_subcommand prune" -l older-than -d 'Runs that ended at least this long ago: 30d, 2w, 12h' -r
complete -c crew -n "__fish_crew_using_subcommand prune" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand prune" -l dry-run -d 'Show the plan, and do nothing'
complete -c crew -n "__fish_crew_using_subcommand prune" -s y -l yes -d 'Go on without a question'
complete -c crew -n "__fish_crew_using_subcommand prune" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand prune" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand prune" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand prune" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand explain" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand explain" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand explain" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand explain" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand explain" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand gates" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand gates" -l all -d 'List those that were decided too'
complete -c crew -n "__fish_crew_using_subcommand gates" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand gates" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand gates" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand gates" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand gates" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand gate; and not __fish_seen_subcommand_from explain help" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand gate; and not __fish_seen_subcommand_from explain help" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand gate; and not __fish_seen_subcommand_from explain help" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand gate; and not __fish_seen_subcommand_from explain help" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand gate; and not __fish_seen_subcommand_from explain help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand gate; and not __fish_seen_subcommand_from explain help" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand gate; and not __fish_seen_subcommand_from explain help" -f -a "explain" -d 'Say whether an action needs your word, and by which setting'
complete -c crew -n "__fish_crew_using_subcommand gate; and not __fish_seen_subcommand_from explain help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand gate; and __fish_seen_subcommand_from explain" -l environment -d 'Where the action happens' -r
complete -c crew -n "__fish_crew_using_subcommand gate; and __fish_seen_subcommand_from explain" -l confidence -d 'The confidence of the work that it rests on, from 0 to 1' -r
complete -c crew -n "__fish_crew_using_subcommand gate; and __fish_seen_subcommand_from explain" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand gate; and __fish_seen_subcommand_from explain" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand gate; and __fish_seen_subcommand_from explain" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand gate; and __fish_seen_subcommand_from explain" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand gate; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand gate; and __fish_seen_subcommand_from explain" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "explain" -d 'Say whether an action needs your word, and by which setting'
complete -c crew -n "__fish_crew_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand approve" -l by -d 'Who says so; default: git\'s user.name, or the user of this account' -r
complete -c crew -n "__fish_crew_using_subcommand approve" -l wait -d 'How long to wait for an answer of the crew process that carries the run out' -r
complete -c crew -n "__fish_crew_using_subcommand approve" -l note -d 'What there is to say about it; kept with the decision' -r
complete -c crew -n "__fish_crew_using_subcommand approve" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand approve" -l resume -d 'Go on with the run at once'
complete -c crew -n "__fish_crew_using_subcommand approve" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand approve" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand approve" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand approve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand approve" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand reject" -l by -d 'Who says so; default: git\'s user.name, or the user of this account' -r
complete -c crew -n "__fish_crew_using_subcommand reject" -l wait -d 'How long to wait for an answer of the crew process that carries the run out' -r
complete -c crew -n "__fish_crew_using_subcommand reject" -l note -d 'What there is to say about it; kept with the decision' -r
complete -c crew -n "__fish_crew_using_subcommand reject" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand reject" -l send-back -d 'Let the agent work on it again; --note says what is to be done'
complete -c crew -n "__fish_crew_using_subcommand reject" -l resume -d 'Go on with the run at once'
complete -c crew -n "__fish_crew_using_subcommand reject" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand reject" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand reject" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand reject" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand reject" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand answer" -l by -d 'Who says so; default: git\'s user.name, or the user of this account' -r
complete -c crew -n "__fish_crew_using_subcommand answer" -l wait -d 'How long to wait for an answer of the crew process that carries the run out' -r
complete -c crew -n "__fish_crew_using_subcommand answer" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand answer" -l resume -d 'Go on with the run at once'
complete -c crew -n "__fish_crew_using_subcommand answer" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand answer" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand answer" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand answer" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand answer" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand accept" -l by -d 'Who says so; default: git\'s user.name, or the user of this account' -r
complete -c crew -n "__fish_crew_using_subcommand accept" -l wait -d 'How long to wait for an answer of the crew process that carries the run out' -r
complete -c crew -n "__fish_crew_using_subcommand accept" -l note -d 'What there is to say about it; kept with the decision' -r
complete -c crew -n "__fish_crew_using_subcommand accept" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand accept" -l resume -d 'Go on with the run at once'
complete -c crew -n "__fish_crew_using_subcommand accept" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand accept" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand accept" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand accept" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand accept" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand requeue" -l with-note -d 'What its agent is told when it works on it again; kept with the record' -r
complete -c crew -n "__fish_crew_using_subcommand requeue" -l agent -d 'Agent that works on it from now on, with that agent\'s own model unless --model names one' -r
complete -c crew -n "__fish_crew_using_subcommand requeue" -l model -d 'Model that its agent works with from now on' -r
complete -c crew -n "__fish_crew_using_subcommand requeue" -l force -d 'Why it is worth another attempt although its work was wrong; kept with the record' -r
complete -c crew -n "__fish_crew_using_subcommand requeue" -l by -d 'Who says so; default: git\'s user.name, or the user of this account' -r
complete -c crew -n "__fish_crew_using_subcommand requeue" -l wait -d 'How long to wait for an answer of the crew process that carries the run out' -r
complete -c crew -n "__fish_crew_using_subcommand requeue" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand requeue" -l failed -d 'All tasks of the run that failed'
complete -c crew -n "__fish_crew_using_subcommand requeue" -l dry-run -d 'Show what would become of it, by itself and by this command, and change nothing'
complete -c crew -n "__fish_crew_using_subcommand requeue" -l resume -d 'Go on with the run at once'
complete -c crew -n "__fish_crew_using_subcommand requeue" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand requeue" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand requeue" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand requeue" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand requeue" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and not __fish_seen_subcommand_from list show requeue add drop help" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand deadletter; and not __fish_seen_subcommand_from list show requeue add drop help" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and not __fish_seen_subcommand_from list show requeue add drop help" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and not __fish_seen_subcommand_from list show requeue add drop help" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and not __fish_seen_subcommand_from list show requeue add drop help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and not __fish_seen_subcommand_from list show requeue add drop help" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and not __fish_seen_subcommand_from list show requeue add drop help" -f -a "list" -d 'List dead letters of all runs, newest first'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and not __fish_seen_subcommand_from list show requeue add drop help" -f -a "show" -d 'Show a dead letter with the last error and the end of the log'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and not __fish_seen_subcommand_from list show requeue add drop help" -f -a "requeue" -d 'Have the task of a dead letter done again: the same as crew requeue'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and not __fish_seen_subcommand_from list show requeue add drop help" -f -a "add" -d 'Give a task up that is over and not done'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and not __fish_seen_subcommand_from list show requeue add drop help" -f -a "drop" -d 'Take a dead letter off the list, without doing its task again'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and not __fish_seen_subcommand_from list show requeue add drop help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from list" -s n -l limit -d 'How many to list' -r
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from list" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from list" -l all -d 'List those too that were requeued, accepted or dropped'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from list" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from show" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from show" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from requeue" -l with-note -d 'What its agent is told when it works on it again; kept with the record' -r
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from requeue" -l agent -d 'Agent that works on it from now on, with that agent\'s own model unless --model names one' -r
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from requeue" -l model -d 'Model that its agent works with from now on' -r
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from requeue" -l force -d 'Why it is worth another attempt although its work was wrong; kept with the record' -r
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from requeue" -l by -d 'Who says so; default: git\'s user.name, or the user of this account' -r
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from requeue" -l wait -d 'How long to wait for an answer of the crew process that carries the run out' -r
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from requeue" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from requeue" -l failed -d 'All tasks of the run that failed'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from requeue" -l dry-run -d 'Show what would become of it, by itself and by this command, and change nothing'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from requeue" -l resume -d 'Go on with the run at once'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from requeue" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from requeue" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from requeue" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from requeue" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from requeue" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from add" -l reason -d 'Why; kept with it' -r
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from add" -l by -d 'Who says so; default: git\'s user.name, or the user of this account' -r
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from add" -l wait -d 'How long to wait for an answer of the crew process that carries the run out' -r
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from add" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from add" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from drop" -l reason -d 'Why nobody has to see it any more; kept in the record' -r
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from drop" -l by -d 'Who says so; default: git\'s user.name, or the user of this account' -r
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from drop" -l wait -d 'How long to wait for an answer of the crew process that carries the run out' -r
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from drop" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from drop" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from drop" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from drop" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from drop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from drop" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from help" -f -a "list" -d 'List dead letters of all runs, newest first'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show a dead letter with the last error and the end of the log'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from help" -f -a "requeue" -d 'Have the task of a dead letter done again: the same as crew requeue'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from help" -f -a "add" -d 'Give a task up that is over and not done'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from help" -f -a "drop" -d 'Take a dead letter off the list, without doing its task again'
complete -c crew -n "__fish_crew_using_subcommand deadletter; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand merge" -l into -d 'Branch to merge into; default: the one that the run began from' -r
complete -c crew -n "__fish_crew_using_subcommand merge" -l resolve -d 'Give conflicts to this agent, and merge what it makes of them where crew has nothing against it' -r
complete -c crew -n "__fish_crew_using_subcommand merge" -l by -d 'Who merges; default: git\'s user.name, or the user of this account' -r
complete -c crew -n "__fish_crew_using_subcommand merge" -l set -d 'Set a setting for this merge' -r
complete -c crew -n "__fish_crew_using_subcommand merge" -l wait -d 'Wait up to this long while another crew process owns the run; without it, refuse at once' -r
complete -c crew -n "__fish_crew_using_subcommand merge" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand merge" -l merge -d 'Make a merge commit for each task'
complete -c crew -n "__fish_crew_using_subcommand merge" -l squash -d 'Make one plain commit of each task\'s work'
complete -c crew -n "__fish_crew_using_subcommand merge" -l rebase -d 'Take over each of the task\'s own commits'
complete -c crew -n "__fish_crew_using_subcommand merge" -l rewritten -d 'Take branches of tasks as they are that were reset or rebased since'
complete -c crew -n "__fish_crew_using_subcommand merge" -l dry-run -d 'Show what would be merged, with its conflicts, and move nothing'
complete -c crew -n "__fish_crew_using_subcommand merge" -l no-verify -d 'Do not run the verification commands'
complete -c crew -n "__fish_crew_using_subcommand merge" -l trust-project -d 'Trust this repository\'s files for this merge; and the run itself, where it came by crew import'
complete -c crew -n "__fish_crew_using_subcommand merge" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand merge" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand merge" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand merge" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand merge" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand submit; and not __fish_seen_subcommand_from result noop blocked escalation plan question hypothesis progress help" -l schema -d 'Print as JSON Schema what may be handed in: in this attempt, by a ROLE, or by anybody' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and not __fish_seen_subcommand_from result noop blocked escalation plan question hypothesis progress help" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand submit; and not __fish_seen_subcommand_from result noop blocked escalation plan question hypothesis progress help" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand submit; and not __fish_seen_subcommand_from result noop blocked escalation plan question hypothesis progress help" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand submit; and not __fish_seen_subcommand_from result noop blocked escalation plan question hypothesis progress help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand submit; and not __fish_seen_subcommand_from result noop blocked escalation plan question hypothesis progress help" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand submit; and not __fish_seen_subcommand_from result noop blocked escalation plan question hypothesis progress help" -f -a "result" -d 'Hand in the result of the task'
complete -c crew -n "__fish_crew_using_subcommand submit; and not __fish_seen_subcommand_from result noop blocked escalation plan question hypothesis progress help" -f -a "noop" -d 'Say that there is nothing to do, and why'
complete -c crew -n "__fish_crew_using_subcommand submit; and not __fish_seen_subcommand_from result noop blocked escalation plan question hypothesis progress help" -f -a "blocked" -d 'Say that it cannot be done, and why'
complete -c crew -n "__fish_crew_using_subcommand submit; and not __fish_seen_subcommand_from result noop blocked escalation plan question hypothesis progress help" -f -a "escalation" -d 'Hand the task to a person of the roster, and say why'
complete -c crew -n "__fish_crew_using_subcommand submit; and not __fish_seen_subcommand_from result noop blocked escalation plan question hypothesis progress help" -f -a "plan" -d 'Hand in a plan, for roles that change no file'
complete -c crew -n "__fish_crew_using_subcommand submit; and not __fish_seen_subcommand_from result noop blocked escalation plan question hypothesis progress help" -f -a "question" -d 'Ask a person something that the task cannot go on without'
complete -c crew -n "__fish_crew_using_subcommand submit; and not __fish_seen_subcommand_from result noop blocked escalation plan question hypothesis progress help" -f -a "hypothesis" -d 'Note what you take for true, on the way; concludes nothing'
complete -c crew -n "__fish_crew_using_subcommand submit; and not __fish_seen_subcommand_from result noop blocked escalation plan question hypothesis progress help" -f -a "progress" -d 'Say how far you have come, on the way; concludes nothing'
complete -c crew -n "__fish_crew_using_subcommand submit; and not __fish_seen_subcommand_from result noop blocked escalation plan question hypothesis progress help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from result" -l summary -d 'What was done, in a sentence or two' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from result" -l confidence -d 'How sure you are, from 0 to 1' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from result" -l rationale -d 'Why you are as sure as that' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from result" -l details -d 'The result at length, as Markdown' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from result" -l verdict -d 'What a verifier concludes: pass, fail or inconclusive' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from result" -l test -d 'A test that was written or changed, and what it shows; may stand more than once' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from result" -l risk -d 'What could go wrong; may stand more than once' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from result" -l follow-up -d 'What is left to do; may stand more than once' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from result" -l no-change-reason -d 'Why no file was changed, in a role that may change some' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from result" -l field -d 'A field that the step asks for, as JSON or as text; may stand more than once' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from result" -l json -d 'Take all of it from a JSON file; `-` is standard input' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from result" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from result" -l dry-run -d 'Check it, show what its files would change, and hand in nothing'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from result" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from result" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from result" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from result" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from noop" -l reason -d 'Why' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from noop" -l json -d 'Take it from a JSON file; `-` is standard input' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from noop" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from noop" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from noop" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from noop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from noop" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from blocked" -l reason -d 'Why' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from blocked" -l json -d 'Take it from a JSON file; `-` is standard input' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from blocked" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from blocked" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from blocked" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from blocked" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from blocked" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from escalation" -l to -d 'Who has to see it: a name of the roster' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from escalation" -l reason -d 'Why' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from escalation" -l json -d 'Take it from a JSON file; `-` is standard input' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from escalation" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from escalation" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from escalation" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from escalation" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from escalation" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from plan" -l summary -d 'What the plan comes to, in a sentence or two' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from plan" -l step -d 'One step, as a line; may stand more than once, in the order of the plan' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from plan" -l risk -d 'What could go wrong; may stand more than once' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from plan" -l confidence -d 'How sure you are that it reaches the goal, from 0 to 1' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from plan" -l rationale -d 'Why you are as sure as that' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from plan" -l json -d 'Take all of it from a JSON file, where a step may have a detail and files; `-` is standard input' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from plan" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from plan" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from plan" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from plan" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from question" -l question -d 'What a person has to say' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from question" -l option -d 'An answer to choose from; may stand more than once' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from question" -l default -d 'The answer that is taken at the deadline; one of the options' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from question" -l deadline-seconds -d 'How long to wait; then the default is taken, and without one the task needs review' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from question" -l json -d 'Take all of it from a JSON file; `-` is standard input' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from question" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from question" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from question" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from question" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from question" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from hypothesis" -l statement -d 'What you take for true' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from hypothesis" -l confidence -d 'How sure you are, from 0 to 1' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from hypothesis" -l rationale -d 'Why you are as sure as that' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from hypothesis" -l json -d 'Take all of it from a JSON file; `-` is standard input' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from hypothesis" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from hypothesis" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from hypothesis" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from hypothesis" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from hypothesis" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from progress" -l message -d 'What you are doing, as a line' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from progress" -l percent -d 'How much is done, from 0 to 100' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from progress" -l json -d 'Take all of it from a JSON file; `-` is standard input' -r
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from progress" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from progress" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from progress" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from progress" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from progress" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from help" -f -a "result" -d 'Hand in the result of the task'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from help" -f -a "noop" -d 'Say that there is nothing to do, and why'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from help" -f -a "blocked" -d 'Say that it cannot be done, and why'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from help" -f -a "escalation" -d 'Hand the task to a person of the roster, and say why'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from help" -f -a "plan" -d 'Hand in a plan, for roles that change no file'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from help" -f -a "question" -d 'Ask a person something that the task cannot go on without'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from help" -f -a "hypothesis" -d 'Note what you take for true, on the way; concludes nothing'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from help" -f -a "progress" -d 'Say how far you have come, on the way; concludes nothing'
complete -c crew -n "__fish_crew_using_subcommand submit; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l base -d 'What HEAD adds to this branch or commit' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l pr -d 'A pull request, by its number; at GitLab a merge request' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l task -d 'The work of a task: RUN/TASK' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l reviewer -d 'Who reviews: builtin, claude, codex:security, ... (crew review reviewers); may be given several times' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l fail-on -d 'The least grave finding for which the exit code is 5: info, warning, error, blocker, or none' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l min-confidence -d 'List only findings that are at least so sure, from 0 to 1' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l agree -d 'List only findings on which so many reviewers agree' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l new-only -d 'List only what is new: not in the baseline, in an earlier review (its id) or in a SARIF file (its path)' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l format -d 'text, json, sarif, github, gitlab, rdjson, checkstyle, junit or markdown; with =FILE into a file. May be given several times' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -s o -l output -d 'The file for a form that names none, in the order of the forms' -r -F
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l sarif-category -d 'Tells SARIF reports of one commit apart that different teams make' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l sarif-max-level -d 'The gravest level in SARIF: GitHub\'s own check fails for a new `error`, whatever crew\'s exit code is' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l until -d 'Have what is found put right by --fix-with, and review again, until this is the verdict' -r -f -a "approved\t''"
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l rounds -d 'How often the work goes back at most; then it needs your review' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l fix-with -d 'The agent that puts right what is found, in a worktree and a session of its own' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l verify -d 'A command that crew runs after each fix; it has to exit with 0. May be given several times' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l max-cost -d 'US dollars that the run may cost: 2.50; 0 sets no limit' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l max-tokens -d 'Tokens that the run may use: 200000, 200k, 1.5M; 0 sets no limit' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l max-time -d 'Wall time that the run may take: 90s, 30m, 2h; 0 sets no limit' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -s j -l jobs -d 'Reviewers at once' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l set -d 'Set a setting for this review: limits.grace_seconds=1' -r
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l staged -d 'What is staged'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l worktree -d 'All that is not committed, with untracked files'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l post -d 'Say at the pull request what was found, through `gh` or `glab` (crew review post)'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l again -d 'Review the same commit again, although it was approved'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l dry-run -d 'Show what would be reviewed, by whom and with which prompts, and start nothing'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l trust-project -d 'Trust this repository\'s files for this review'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -a "submit" -d 'Hand in the verdict of a review'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -a "baseline" -d 'Put up with findings, by a file that git tracks'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -a "post" -d 'Say at a pull request what a review found'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -a "reviewers" -d 'List those who can review here, and who does where nobody is named'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -a "list" -d 'List reviews, the newest first, with what is open of them'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -a "show" -d 'Show the report of a review once more, or one of its findings whole'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -a "send" -d 'Give what was found to the agent whose work was reviewed, and put that back to the queue'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -a "dismiss" -d 'Say that findings are nothing, so that they stay quiet in later reviews'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -a "resolve" -d 'Say that findings are put right'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -a "reopen" -d 'Take back what was decided about findings'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -a "cancel" -d 'End a review for good, with all its reviewers'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -a "stats" -d 'Show how much of what each reviewer finds is right'
complete -c crew -n "__fish_crew_using_subcommand review; and not __fish_seen_subcommand_from submit baseline post reviewers list show send dismiss resolve reopen cancel stats help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from submit" -l verdict -d 'The verdict' -r -f -a "approved\t''
changes_requested\t''"
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from submit" -l body -d 'The review in words; `-` is standard input' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from submit" -l findings -d 'A JSON file with a list of findings; `-` is standard input' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from submit" -l review -d 'A review that a person adds theirs to: the beginning of its id, or `last`' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from submit" -l by -d 'Whose review it is; default: git\'s user.name, or the user of this account' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from submit" -l resolved -d 'A finding of the review before that is resolved, with what shows it; once for each' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from submit" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from submit" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from submit" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from submit" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from submit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from submit" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from baseline" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from baseline" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from baseline" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from baseline" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from baseline" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from baseline" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from baseline" -f -a "add" -d 'Put up with findings of a review'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from baseline" -f -a "list" -d 'List what is put up with'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from baseline" -f -a "remove" -d 'No longer put up with findings'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from baseline" -f -a "prune" -d 'Take out what has expired, and what is about files that are gone'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from baseline" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from post" -l pr -d 'Number of the pull request; default: the one that was reviewed, or that the pipeline runs for' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from post" -l timeout -d 'Give up when the host takes longer than this for one answer' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from post" -l fail-on -d 'The least grave finding for which the exit code is 5: info, warning, error, blocker, or none' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from post" -l min-confidence -d 'List only findings that are at least so sure, from 0 to 1' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from post" -l agree -d 'List only findings on which so many reviewers agree' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from post" -l new-only -d 'List only what is new: not in the baseline, in an earlier review (its id) or in a SARIF file (its path)' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from post" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from post" -l dry-run -d 'Show what would be said, and say nothing'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from post" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from post" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from post" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from post" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from post" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from reviewers" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from reviewers" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from reviewers" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from reviewers" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from reviewers" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from reviewers" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from list" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from list" -l all -d 'List all of them, and not only the newest 20'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from list" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from show" -l fail-on -d 'The least grave finding for which the exit code is 5: info, warning, error, blocker, or none' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from show" -l min-confidence -d 'List only findings that are at least so sure, from 0 to 1' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from show" -l agree -d 'List only findings on which so many reviewers agree' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from show" -l new-only -d 'List only what is new: not in the baseline, in an earlier review (its id) or in a SARIF file (its path)' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from show" -l format -d 'text, json, sarif, github, gitlab, rdjson, checkstyle, junit or markdown; with =FILE into a file. May be given several times' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from show" -s o -l output -d 'The file for a form that names none, in the order of the forms' -r -F
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from show" -l sarif-category -d 'Tells SARIF reports of one commit apart that different teams make' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from show" -l sarif-max-level -d 'The gravest level in SARIF: GitHub\'s own check fails for a new `error`, whatever crew\'s exit code is' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from show" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from show" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from send" -l severity -d 'The least grave finding that is sent' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from send" -l by -d 'Who says so; default: git\'s user.name, or the user of this account' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from send" -l wait -d 'How long to wait for an answer of the crew process that carries the run out' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from send" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from send" -l resume -d 'Go on with its run at once'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from send" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from send" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from send" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from send" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from dismiss" -l why -d 'Why; kept with the decision' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from dismiss" -l evidence -d 'What shows that it is so: a commit, a test' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from dismiss" -l by -d 'Who says so; default: git\'s user.name, or the user of this account' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from dismiss" -l wait -d 'How long to wait for an answer of the crew process that carries the run out' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from dismiss" -l kind -d 'What is wrong with them, so that it can be counted (crew review stats)' -r -f -a "wrong_scope\t''
too_broad\t''
duplicate\t''
low_quality\t''
other\t''"
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from dismiss" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from dismiss" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from dismiss" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from dismiss" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from dismiss" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from dismiss" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from resolve" -l why -d 'Why; kept with the decision' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from resolve" -l evidence -d 'What shows that it is so: a commit, a test' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from resolve" -l by -d 'Who says so; default: git\'s user.name, or the user of this account' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from resolve" -l wait -d 'How long to wait for an answer of the crew process that carries the run out' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from resolve" -l kind -d 'How: as they said, in another way, or by going round it' -r -f -a "good_fit\t''
modified\t''
fallback\t''"
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from resolve" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from resolve" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from resolve" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from resolve" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from resolve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from resolve" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from reopen" -l why -d 'Why; kept with the decision' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from reopen" -l evidence -d 'What shows that it is so: a commit, a test' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from reopen" -l by -d 'Who says so; default: git\'s user.name, or the user of this account' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from reopen" -l wait -d 'How long to wait for an answer of the crew process that carries the run out' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from reopen" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from reopen" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from reopen" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from reopen" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from reopen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from reopen" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from cancel" -l reason -d 'Why; kept with the record' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from cancel" -l by -d 'Who cancels it; default: git\'s user.name, or the user of this account' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from cancel" -l wait -d 'How long to wait for the crew process that carries the run out, for its answer and then for the end of all that is cancelled, beside the grace; default: 5 more than the grace, and then 60' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from cancel" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from cancel" -l force -d 'Kill the crew process that carries the run out where it does not answer, or does not come to an end; nothing that is recorded is lost'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from cancel" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from cancel" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from cancel" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from cancel" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from stats" -l window -d 'Of reviews that were asked for within this time: 7d, 12h' -r
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from stats" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from stats" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from stats" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from stats" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from stats" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from help" -f -a "submit" -d 'Hand in the verdict of a review'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from help" -f -a "baseline" -d 'Put up with findings, by a file that git tracks'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from help" -f -a "post" -d 'Say at a pull request what a review found'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from help" -f -a "reviewers" -d 'List those who can review here, and who does where nobody is named'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from help" -f -a "list" -d 'List reviews, the newest first, with what is open of them'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the report of a review once more, or one of its findings whole'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from help" -f -a "send" -d 'Give what was found to the agent whose work was reviewed, and put that back to the queue'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from help" -f -a "dismiss" -d 'Say that findings are nothing, so that they stay quiet in later reviews'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from help" -f -a "resolve" -d 'Say that findings are put right'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from help" -f -a "reopen" -d 'Take back what was decided about findings'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from help" -f -a "cancel" -d 'End a review for good, with all its reviewers'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from help" -f -a "stats" -d 'Show how much of what each reviewer finds is right'
complete -c crew -n "__fish_crew_using_subcommand review; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand list" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand list" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand list" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand list" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand list" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand show" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand show" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand show" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand show" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand show" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand validate" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand validate" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand validate" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand validate" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand validate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand validate" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand agents; and not __fish_seen_subcommand_from list help" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand agents; and not __fish_seen_subcommand_from list help" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand agents; and not __fish_seen_subcommand_from list help" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand agents; and not __fish_seen_subcommand_from list help" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand agents; and not __fish_seen_subcommand_from list help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand agents; and not __fish_seen_subcommand_from list help" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand agents; and not __fish_seen_subcommand_from list help" -f -a "list" -d 'List the agents with version, sign-in and what each can do'
complete -c crew -n "__fish_crew_using_subcommand agents; and not __fish_seen_subcommand_from list help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand agents; and __fish_seen_subcommand_from list" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand agents; and __fish_seen_subcommand_from list" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand agents; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand agents; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand agents; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand agents; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand agents; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the agents with version, sign-in and what each can do'
complete -c crew -n "__fish_crew_using_subcommand agents; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand config; and not __fish_seen_subcommand_from get set unset list schema help" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand config; and not __fish_seen_subcommand_from get set unset list schema help" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand config; and not __fish_seen_subcommand_from get set unset list schema help" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand config; and not __fish_seen_subcommand_from get set unset list schema help" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand config; and not __fish_seen_subcommand_from get set unset list schema help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand config; and not __fish_seen_subcommand_from get set unset list schema help" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand config; and not __fish_seen_subcommand_from get set unset list schema help" -f -a "get" -d 'Print the value of a setting'
complete -c crew -n "__fish_crew_using_subcommand config; and not __fish_seen_subcommand_from get set unset list schema help" -f -a "set" -d 'Set a setting for you, or for the project'
complete -c crew -n "__fish_crew_using_subcommand config; and not __fish_seen_subcommand_from get set unset list schema help" -f -a "unset" -d 'Take a setting out of your file, or the project\'s'
complete -c crew -n "__fish_crew_using_subcommand config; and not __fish_seen_subcommand_from get set unset list schema help" -f -a "list" -d 'List all settings'
complete -c crew -n "__fish_crew_using_subcommand config; and not __fish_seen_subcommand_from get set unset list schema help" -f -a "schema" -d 'Print the JSON Schema of a settings file'
complete -c crew -n "__fish_crew_using_subcommand config; and not __fish_seen_subcommand_from get set unset list schema help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from get" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from get" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from get" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from get" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from get" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from set" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from set" -l project -d 'In the project\'s file, which is tracked by git'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from set" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from set" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from unset" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from unset" -l project -d 'In the project\'s file'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from unset" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from unset" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from unset" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from unset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from unset" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from list" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from list" -l origin -d 'Show where each value comes from'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from list" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from schema" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from schema" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from schema" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from schema" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from schema" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "get" -d 'Print the value of a setting'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "set" -d 'Set a setting for you, or for the project'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "unset" -d 'Take a setting out of your file, or the project\'s'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "list" -d 'List all settings'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "schema" -d 'Print the JSON Schema of a settings file'
complete -c crew -n "__fish_crew_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand trust" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand trust" -l revoke -d 'Take the trust back'
complete -c crew -n "__fish_crew_using_subcommand trust" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand trust" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand trust" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand trust" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand trust" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand doctor" -l agents -d 'Try the installed agent CLIs, or those named, against a scripted model: spends no token' -r
complete -c crew -n "__fish_crew_using_subcommand doctor" -l probe -d 'Ask an agent\'s real model for one word, in your own home: this costs tokens' -r
complete -c crew -n "__fish_crew_using_subcommand doctor" -l model -d 'Model to ask for one word' -r
complete -c crew -n "__fish_crew_using_subcommand doctor" -s o -l output -d 'File that the bundle is written to, which is not there yet; `-` is standard output. Else one in .crew/exports' -r -F
complete -c crew -n "__fish_crew_using_subcommand doctor" -l patience -d 'How long one call of an agent may take, in seconds' -r
complete -c crew -n "__fish_crew_using_subcommand doctor" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand doctor" -l fix -d 'Repair what can be repaired safely, and say what was done'
complete -c crew -n "__fish_crew_using_subcommand doctor" -l bundle -d 'Write what a report of a mistake needs into one file, without secrets, and say what is in it'
complete -c crew -n "__fish_crew_using_subcommand doctor" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand doctor" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand doctor" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand completions" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand completions" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand completions" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand completions" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand builtin-agent" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand builtin-agent" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand builtin-agent" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand builtin-agent" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand builtin-agent" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand carry-out" -l lock -d 'The open file whose lock on the run is inherited' -r
complete -c crew -n "__fish_crew_using_subcommand carry-out" -l set -d 'Set a setting for this run' -r
complete -c crew -n "__fish_crew_using_subcommand carry-out" -l record -d 'Record into this folder, which has been made for that' -r -F
complete -c crew -n "__fish_crew_using_subcommand carry-out" -l replay -d 'Play recordings back in place of every agent' -r -F
complete -c crew -n "__fish_crew_using_subcommand carry-out" -l replay-speed -d 'How fast' -r
complete -c crew -n "__fish_crew_using_subcommand carry-out" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand carry-out" -l trust-project -d 'Trust this repository\'s files for this run'
complete -c crew -n "__fish_crew_using_subcommand carry-out" -l json -d 'Print data as JSON'
complete -c crew -n "__fish_crew_using_subcommand carry-out" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand carry-out" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand carry-out" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand carry-out" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand hook; and not __fish_seen_subcommand_from stop help" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand hook; and not __fish_seen_subcommand_from stop help" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand hook; and not __fish_seen_subcommand_from stop help" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand hook; and not __fish_seen_subcommand_from stop help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand hook; and not __fish_seen_subcommand_from stop help" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand hook; and not __fish_seen_subcommand_from stop help" -f -a "stop" -d 'The agent wants to end'
complete -c crew -n "__fish_crew_using_subcommand hook; and not __fish_seen_subcommand_from stop help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand hook; and __fish_seen_subcommand_from stop" -s C -l folder -d 'Work in the repository of this folder' -r -F
complete -c crew -n "__fish_crew_using_subcommand hook; and __fish_seen_subcommand_from stop" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand hook; and __fish_seen_subcommand_from stop" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand hook; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand hook; and __fish_seen_subcommand_from stop" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand hook; and __fish_seen_subcommand_from help" -f -a "stop" -d 'The agent wants to end'
complete -c crew -n "__fish_crew_using_subcommand hook; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand replay-agent" -l speed -d 'How fast' -r
complete -c crew -n "__fish_crew_using_subcommand replay-agent" -l reminded -d 'Play what the attempt did after it was reminded to submit'
complete -c crew -n "__fish_crew_using_subcommand replay-agent" -s q -l quiet -d 'Print data and errors only'
complete -c crew -n "__fish_crew_using_subcommand replay-agent" -s v -l verbose -d 'Say on standard error what is decided and done; -vv says more'
complete -c crew -n "__fish_crew_using_subcommand replay-agent" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c crew -n "__fish_crew_using_subcommand replay-agent" -s V -l version -d 'Print version'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "init" -d 'Make `.crew/` with examples of an agent, a team and a workflow'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "run" -d 'Carry out a goal with a team of agents'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "resume" -d 'Go on with an interrupted run'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "cancel" -d 'End a run or a task for good, with all processes of its agents'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "attach" -d 'Look on at a run, as if it were carried out here'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "wait" -d 'Wait until runs have ended'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "status" -d 'Show where runs stand'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "top" -d 'Watch all runs of the repository, and decide what waits for you'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "logs" -d 'Print what agents and commands printed'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "diff" -d 'Show what a run or a task changed'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "worktree" -d 'Look after the folders in which tasks work, and their branches'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "pr" -d 'Push the work of a run and open a pull request'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "events" -d 'Print the events of a run'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "search" -d 'Find where something was said, in all runs or in one'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "metrics" -d 'Show what runs came to: tasks, quality, time, cost, by agent and model'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "artifacts" -d 'List the files that a run kept, or print one'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "export" -d 'Write down all that is known of a run, for people and programs elsewhere'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "import" -d 'Take in a run that `crew export` wrote on another machine'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "restore" -d 'List work that was kept, or bring it back'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "prune" -d 'Take runs out of the record that nobody needs any more'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "explain" -d 'Say why a run, a task, a gate or an error is where it is, what proves it, and what to type'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "gates" -d 'Show what waits for you'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "gate" -d 'Look into gates'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "approve" -d 'Let a task go on that waits for you'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "reject" -d 'Refuse what waits for you, or send it back'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "answer" -d 'Answer a question of an agent'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "accept" -d 'Let the work of a task count that needs review'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "requeue" -d 'Have a task done again that failed, needs review, was cancelled or was skipped'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "deadletter" -d 'See to the tasks that were given up'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "merge" -d 'Bring the work of a run back to a branch'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "submit" -d 'Hand in what a task came to (for agents)'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "review" -d 'Have a change reviewed'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "list" -d 'List agents, teams and workflows'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "show" -d 'Show an agent, a team or a workflow, or all attempts of a task'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "validate" -d 'Check agents, teams, workflows and settings'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "agents" -d 'Look at the programs that can work on a task'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "config" -d 'Look at settings and change them'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "trust" -d 'Let this repository\'s own files supply commands and replace built-in names'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "doctor" -d 'Check git, disk, store, the record of runs, settings, resources and agents'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "completions" -d 'Print the completions for a shell'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "builtin-agent" -d 'Work as the built-in agent (started by crew itself)'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "carry-out" -d 'Carry out a run that is recorded (for crew itself)'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "hook" -d 'Answer a hook of an agent\'s CLI (started by the agent itself)'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "replay-agent" -d 'Play a recording back (started by crew itself)'
complete -c crew -n "__fish_crew_using_subcommand help; and not __fish_seen_subcommand_from init run resume cancel attach wait status top logs diff worktree pr events search metrics artifacts export import restore prune explain gates gate approve reject answer accept requeue deadletter merge submit review list show validate agents config trust doctor completions builtin-agent carry-out hook replay-agent help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from worktree" -f -a "list" -d 'Show what each task\'s work tree holds, and what it takes up on the disk'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from worktree" -f -a "path" -d 'Print the folder of a task: cd "$(crew worktree path RUN TASK)"'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from worktree" -f -a "open" -d 'Open the folder of a task in your editor, or in a shell'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from worktree" -f -a "remove" -d 'Take the folders of tasks away; what only they hold is kept first'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from worktree" -f -a "prune" -d 'Take away the work trees whose work is merged or empty'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from gate" -f -a "explain" -d 'Say whether an action needs your word, and by which setting'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from deadletter" -f -a "list" -d 'List dead letters of all runs, newest first'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from deadletter" -f -a "show" -d 'Show a dead letter with the last error and the end of the log'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from deadletter" -f -a "requeue" -d 'Have the task of a dead letter done again: the same as crew requeue'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from deadletter" -f -a "add" -d 'Give a task up that is over and not done'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from deadletter" -f -a "drop" -d 'Take a dead letter off the list, without doing its task again'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from submit" -f -a "result" -d 'Hand in the result of the task'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from submit" -f -a "noop" -d 'Say that there is nothing to do, and why'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from submit" -f -a "blocked" -d 'Say that it cannot be done, and why'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from submit" -f -a "escalation" -d 'Hand the task to a person of the roster, and say why'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from submit" -f -a "plan" -d 'Hand in a plan, for roles that change no file'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from submit" -f -a "question" -d 'Ask a person something that the task cannot go on without'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from submit" -f -a "hypothesis" -d 'Note what you take for true, on the way; concludes nothing'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from submit" -f -a "progress" -d 'Say how far you have come, on the way; concludes nothing'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from review" -f -a "submit" -d 'Hand in the verdict of a review'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from review" -f -a "baseline" -d 'Put up with findings, by a file that git tracks'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from review" -f -a "post" -d 'Say at a pull request what a review found'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from review" -f -a "reviewers" -d 'List those who can review here, and who does where nobody is named'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from review" -f -a "list" -d 'List reviews, the newest first, with what is open of them'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from review" -f -a "show" -d 'Show the report of a review once more, or one of its findings whole'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from review" -f -a "send" -d 'Give what was found to the agent whose work was reviewed, and put that back to the queue'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from review" -f -a "dismiss" -d 'Say that findings are nothing, so that they stay quiet in later reviews'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from review" -f -a "resolve" -d 'Say that findings are put right'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from review" -f -a "reopen" -d 'Take back what was decided about findings'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from review" -f -a "cancel" -d 'End a review for good, with all its reviewers'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from review" -f -a "stats" -d 'Show how much of what each reviewer finds is right'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from agents" -f -a "list" -d 'List the agents with version, sign-in and what each can do'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "get" -d 'Print the value of a setting'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "set" -d 'Set a setting for you, or for the project'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "unset" -d 'Take a setting out of your file, or the project\'s'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "list" -d 'List all settings'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "schema" -d 'Print the JSON Schema of a settings file'
complete -c crew -n "__fish_crew_using_subcommand help; and __fish_seen_subcommand_from hook" -f -a "stop" -d 'The agent wants to end'
