fn main() -> std::process::ExitCode {
    crew::commands::main().into()
}
