// Generates and compiles a client from each WSDL, as an agency's build does. Arguments: an empty folder, then WSDLs
// and the programs that use them.
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.apache.cxf.tools.common.ToolContext;
import org.apache.cxf.tools.wsdlto.WSDLToJava;

public class Generator {
  public static void main(String[] arguments) throws Exception {
    Path into = Path.of(arguments[0]);
    for (int at = 1; at < arguments.length; at++) {
      if (arguments[at].endsWith(".java")) {
        continue;
      }
      String file = new File(arguments[at]).getName();
      String[] asked = {"-validate", "-p", packageOf(file), "-d", into + "/sources", arguments[at]};
      new WSDLToJava(asked).run(new ToolContext());
    }
    List<String> compile = new ArrayList<>(List.of("-Xlint:all,-serial,-processing", "-d", into + "/classes"));
    compile.addAll(List.of("-cp", System.getProperty("java.class.path")));
    compile.addAll(Stream.of(arguments).filter(name -> name.endsWith(".java")).toList());
    try (Stream<Path> found = Files.walk(into.resolve("sources"))) {
      compile.addAll(found.map(Path::toString).filter(name -> name.endsWith(".java")).toList());
    }
    System.exit(ToolProvider.getSystemJavaCompiler().run(null, null, null, compile.toArray(String[]::new)));
  }

  static String packageOf(String file) {
    return "eg." + file.replace(".wsdl", "").replaceAll("[^a-z0-9]", "_");
  }
}
