// An agency's program that was made with Apache CXF from the WSDL: one call, and what came of it on standard output.
// What it is to do comes on standard input, as properties.
import eg.ppo_deprivation_v1.Answer;
import eg.ppo_deprivation_v1.Case;
import eg.ppo_deprivation_v1.Isnad;
import eg.ppo_deprivation_v1.IsnadService;
import eg.ppo_deprivation_v1.Judgment;
import eg.ppo_deprivation_v1.Kind;
import eg.ppo_deprivation_v1.Outcome;
import eg.ppo_deprivation_v1.Person;
import eg.ppo_deprivation_v1.Problem_Exception;
import eg.ppo_deprivation_v1.Sex;
import eg.ppo_deprivation_v1.Submit;
import eg.ppo_deprivation_v1.Verdict;
import eg.ppo_deprivation_v1.YesNo;
import jakarta.xml.ws.BindingProvider;
import jakarta.xml.ws.Holder;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.TrustManagerFactory;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.CallbackHandler;
import org.apache.cxf.configuration.jsse.TLSClientParameters;
import org.apache.cxf.endpoint.Client;
import org.apache.cxf.frontend.ClientProxy;
import org.apache.cxf.transport.http.HTTPConduit;
import org.apache.cxf.ws.security.wss4j.WSS4JOutInterceptor;
import org.apache.wss4j.common.crypto.Crypto;
import org.apache.wss4j.common.crypto.Merlin;
import org.apache.wss4j.common.ext.WSPasswordCallback;

public class Caller {
  static final char[] PASSWORD = "synthetic".toCharArray();
  static final String XENC11 = "http://www.w3.org/2009/xmlenc11#";

  public static void main(String[] arguments) throws Exception {
    Properties task = new Properties();
    task.load(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    IsnadService service = new IsnadService(new URL(task.getProperty("wsdl")));
    boolean old = task.getProperty("soap").equals("1.1");
    Isnad port = old ? service.getIsnadSoap11() : service.getIsnadSoap12();
    ((BindingProvider) port).getRequestContext()
        .put(BindingProvider.ENDPOINT_ADDRESS_PROPERTY, task.getProperty("url"));
    // Without this CXF reads no SOAP 1.2 fault of the sender's: they come with status 400 (SOAP 1.2 Part 2 §7.5.2.2).
    ((BindingProvider) port).getRequestContext()
        .put("org.apache.cxf.transport.process_fault_on_http_400", Boolean.TRUE);
    Client client = ClientProxy.getClient(port);
    ((HTTPConduit) client.getConduit()).setTlsClientParameters(tls(task));
    if (task.getProperty("signer") != null) {
      client.getOutInterceptors().add(security(task, old));
    }
    try {
      Holder<String> agency = new Holder<>();
      port.ping(agency, new Holder<>());
      out.println("agency=" + agency.value);
      Submit submit = new Submit();
      submit.getJudgment().add(judgment(task.getProperty("number")));
      Answer answer = port.submit(submit);
      for (Outcome outcome : answer.getOutcome()) {
        out.println("outcome=" + outcome.getOutcome());
        out.println("receipt=" + outcome.getReceipt());
        port.receipt(new Holder<>(outcome.getId()), new Holder<>(), new Holder<>());
      }
      port.receipt(new Holder<>("nothing"), new Holder<>(), new Holder<>());
    } catch (Problem_Exception problem) {
      out.println("problem=" + problem.getFaultInfo().getCode());
    }
  }

  static Judgment judgment(String number) {
    Person person = new Person();
    person.setNationalId("28811034204512");
    person.setName("مينا جرجس حنا ميخائيل");
    person.setBirthDate("03/11/1988");
    person.setSex(Sex.fromValue("ذكر"));
    Case court = new Case();
    court.setCourt("محكمة شمال القاهرة الابتدائية");
    court.setNumber("1234 جنح قسم أول");
    court.setYear("2025");
    court.setJudgedOn("04/05/2026");
    court.setFinalOn("14/06/2026");
    Verdict verdict = new Verdict();
    verdict.setItem("28");
    verdict.setSuspended(YesNo.fromValue("لا"));
    verdict.setInAbsentia(YesNo.fromValue("لا"));
    verdict.setPenalty("حبس");
    verdict.setMonths("12");
    Judgment judgment = new Judgment();
    judgment.setKind(Kind.fromValue("جديد"));
    judgment.setNotificationNo(number);
    judgment.setPerson(person);
    judgment.setCase(court);
    judgment.setVerdict(verdict);
    judgment.setNotifiedOn("20/06/2026");
    return judgment;
  }

  static TLSClientParameters tls(Properties task) throws Exception {
    KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
    keys.init(held(task.getProperty("client")), PASSWORD);
    TrustManagerFactory trusted = TrustManagerFactory.getInstance("PKIX");
    trusted.init(trusting(task.getProperty("ca"), "ca"));
    TLSClientParameters parameters = new TLSClientParameters();
    parameters.setKeyManagers(keys.getKeyManagers());
    parameters.setTrustManagers(trusted.getTrustManagers());
    return parameters;
  }

  static WSS4JOutInterceptor security(Properties task, boolean old) throws Exception {
    String soap = old ? "http://schemas.xmlsoap.org/soap/envelope/" : "http://www.w3.org/2003/05/soap-envelope";
    String utility = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
    String encrypted = task.getProperty("encrypted");
    Map<String, Object> how = new HashMap<>();
    how.put("action", encrypted == null ? "Timestamp Signature" : "Timestamp Signature Encrypt");
    how.put("user", "signer");
    how.put("passwordCallbackRef", (CallbackHandler) Caller::answer);
    how.put("signatureCrypto", crypto(held(task.getProperty("signer"))));
    how.put("signaturePropRefId", "signatureCrypto");
    how.put("signatureKeyIdentifier", "DirectReference");
    how.put("signatureAlgorithm", "http://www.w3.org/2001/04/xmldsig-more#" + task.getProperty("algorithm"));
    how.put("signatureDigestAlgorithm", "http://www.w3.org/2001/04/xmlenc#sha256");
    how.put("signatureParts", "{}{" + utility + "}Timestamp;{}{" + soap + "}Body");
    if (encrypted != null) {
      how.put("encryptionUser", "gateway");
      how.put("encryptionCrypto", crypto(trusting(encrypted, "gateway")));
      how.put("encryptionPropRefId", "encryptionCrypto");
      how.put("encryptionKeyIdentifier", "IssuerSerial");
      how.put("encryptionSymAlgorithm", XENC11 + "aes256-gcm");
      how.put("encryptionKeyTransportAlgorithm", task.getProperty("transport", XENC11 + "rsa-oaep"));
      how.put("encryptionDigestAlgorithm", "http://www.w3.org/2001/04/xmlenc#sha256");
      how.put("encryptionMGFAlgorithm", XENC11 + "mgf1sha256");
      how.put("encryptionParts",
          "{Element}{http://www.w3.org/2000/09/xmldsig#}Signature;{Content}{" + soap + "}Body");
    }
    return new WSS4JOutInterceptor(how);
  }

  static void answer(Callback[] asked) {
    for (Callback one : asked) {
      ((WSPasswordCallback) one).setPassword(new String(PASSWORD));
    }
  }

  static Crypto crypto(KeyStore store) {
    Merlin crypto = new Merlin();
    crypto.setKeyStore(store);
    return crypto;
  }

  static KeyStore held(String octets) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(new ByteArrayInputStream(Base64.getDecoder().decode(octets)), PASSWORD);
    return store;
  }

  static KeyStore trusting(String der, String name) throws Exception {
    byte[] octets = Base64.getDecoder().decode(der);
    Certificate known =
        CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(octets));
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, PASSWORD);
    store.setCertificateEntry(name, known);
    return store;
  }
}
