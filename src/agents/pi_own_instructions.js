// An extension of Pi: where it works in a work tree that lies in the user's own, the instructions of the user's tree are
// taken out of its system prompt. Those of the work tree stay, and those from elsewhere.
export default function (pi) {
  const repository = process.env.CREW_REPOSITORY;
  if (!repository) return;
  pi.on("before_agent_start", (event) => {
    const { cwd, contextFiles } = event.systemPromptOptions;
    const isIn = (path, folder) => path.startsWith(`${folder}/`);
    let systemPrompt = event.systemPrompt;
    for (const { path, content } of contextFiles ?? []) {
      if (isIn(path, repository) && !isIn(path, cwd)) {
        // A function, because `$` means something in a text.
        systemPrompt = systemPrompt.replace(`## ${path}\n\n${content}\n\n`, () => "");
      }
    }
    return { systemPrompt };
  });
}
