-- What tells of dead letters is looked for over all runs. Who asks says the same list, so that this is used.

CREATE INDEX dead_letters ON events (kind, at) WHERE kind IN
    ('task_dead_lettered', 'dead_letter_dropped', 'dead_letters_piled_up', 'task_requeued', 'task_accepted');
