//! Rewrites bindgen's declarations of functions: each becomes a function that calls through an address, which is looked up at run time.

/// The bindings without their foreign functions, and with a caller for each.
pub fn look_up_at_run_time(bindings: &str) -> Result<String, String> {
    const BLOCK: &str = "extern \"C\" {";
    let (mut types, mut functions) = (String::new(), Vec::new());
    let mut rest = bindings;
    while let Some(at) = rest.find(BLOCK) {
        types.push_str(rest[..at].trim_end().trim_end_matches("unsafe"));
        let body = &rest[at + BLOCK.len()..];
        let end = body.find('}').ok_or("a block of foreign functions has no end")?;
        for declaration in body[..end].split(';').map(str::trim).filter(|declaration| !declaration.is_empty()) {
            functions.push(Function::read(declaration)?);
        }
        rest = &body[end + 1..];
    }
    types.push_str(rest);
    let names: String = functions.iter().map(|function| format!("    c\"{}\",\n", function.name)).collect();
    let callers: String = functions.iter().enumerate().map(|(at, function)| function.caller(at)).collect();
    let count = functions.len();
    Ok(format!("{types}\npub(crate) const NAMES: [&::std::ffi::CStr; {count}] = [\n{names}];\n{callers}"))
}

/// `pub fn name(a: A, b: B) -> R`.
struct Function<'a> {
    name: &'a str,
    parameters: &'a str,
    result: &'a str,
}

impl<'a> Function<'a> {
    fn read(declaration: &'a str) -> Result<Self, String> {
        let unexpected = || format!("bindgen wrote `{declaration}`, which is not the declaration of a function");
        let (name, rest) = declaration.strip_prefix("pub fn ").and_then(|rest| rest.split_once('(')).ok_or_else(unexpected)?;
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        });
        let (parameters, result) = rest.split_at(end.ok_or_else(unexpected)?);
        // Without rustfmt, bindgen writes a space behind the name.
        Ok(Function { name: name.trim(), parameters: parameters.trim().trim_end_matches(','), result: result[1..].trim() })
    }

    /// The names of the parameters.
    fn arguments(&self) -> String {
        let mut depth = 0;
        let parameters = self.parameters.split(|c| {
            depth += i32::from(c == '(' || c == '<') - i32::from(c == ')') - i32::from(c == '>' && depth > 0);
            c == ',' && depth == 0
        });
        parameters.filter_map(|parameter| Some(parameter.split_once(':')?.0.trim())).collect::<Vec<_>>().join(", ")
    }

    fn caller(&self, at: usize) -> String {
        let Function { name, parameters, result } = self;
        let arguments = self.arguments();
        format!(
            "#[inline(always)]\npub unsafe extern \"C\" fn {name}({parameters}) {result} {{\n    \
             let address = crate::library::address({at});\n    \
             let function: unsafe extern \"C\" fn({parameters}) {result} = unsafe {{ ::std::mem::transmute(address) }};\n    \
             unsafe {{ function({arguments}) }}\n}}\n"
        )
    }
}
