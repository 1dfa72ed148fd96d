// WS-Security for a client that a .NET generator made: a SoapExtension, which Caller.exe.config turns on, signs
// Timestamp and Body of every message with SignedXml, as the SOAP guide says.
using System;
using System.IO;
using System.Security.Cryptography.X509Certificates;
using System.Security.Cryptography.Xml;
using System.Text;
using System.Web.Services.Protocols;
using System.Xml;

public class Signing : SoapExtension
{
    const string Oasis = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-";
    const string Wsse = Oasis + "wssecurity-secext-1.0.xsd";
    const string Wsu = Oasis + "wssecurity-utility-1.0.xsd";
    const string X509v3 = Oasis + "x509-token-profile-1.0#X509v3";

    // Null: messages go as they are.
    public static X509Certificate2 Signer;

    Stream wire;
    MemoryStream held;

    public override object GetInitializer(Type service) { return null; }

    public override object GetInitializer(LogicalMethodInfo method, SoapExtensionAttribute attribute) { return null; }

    public override void Initialize(object initializer) { }

    public override Stream ChainStream(Stream stream)
    {
        wire = stream;
        return held = new MemoryStream();
    }

    public override void ProcessMessage(SoapMessage message)
    {
        if (message.Stage == SoapMessageStage.AfterSerialize)
        {
            var octets = Signer == null ? held.ToArray() : Signed(held.ToArray());
            wire.Write(octets, 0, octets.Length);
        }
        else if (message.Stage == SoapMessageStage.BeforeDeserialize)
        {
            wire.CopyTo(held);
            held.Position = 0;
        }
    }

    static byte[] Signed(byte[] envelope)
    {
        var document = new XmlDocument { PreserveWhitespace = true };
        document.Load(new MemoryStream(envelope));
        var root = document.DocumentElement;
        var body = (XmlElement)root.GetElementsByTagName("Body", root.NamespaceURI)[0];
        var security = Security(document, root, body);
        var now = DateTime.UtcNow;
        var timestamp = Add(security, "u", "Timestamp", Wsu, "TS");
        Add(timestamp, "u", "Created", Wsu).InnerText = Instant(now);
        Add(timestamp, "u", "Expires", Wsu).InnerText = Instant(now.AddMinutes(5));
        var token = Add(security, "o", "BinarySecurityToken", Wsse, "X509");
        token.SetAttribute("EncodingType", Oasis + "soap-message-security-1.0#Base64Binary");
        token.SetAttribute("ValueType", X509v3);
        token.InnerText = Convert.ToBase64String(Signer.RawData);
        Named(body, "Body");
        security.AppendChild(document.ImportNode(Signature(document), true));
        var written = new MemoryStream();
        using (var writer = new XmlTextWriter(written, new UTF8Encoding(false)))
        {
            document.WriteTo(writer);
        }
        return written.ToArray();
    }

    static XmlElement Security(XmlDocument document, XmlElement root, XmlElement body)
    {
        var header = document.CreateElement(root.Prefix, "Header", root.NamespaceURI);
        root.InsertBefore(header, body);
        var security = Add(header, "o", "Security", Wsse);
        security.SetAttribute("mustUnderstand", root.NamespaceURI, "1");
        return security;
    }

    static XmlElement Signature(XmlDocument document)
    {
        var signed = new ById(document) { SigningKey = Signer.PrivateKey };
        signed.SignedInfo.CanonicalizationMethod = SignedXml.XmlDsigExcC14NTransformUrl;
        signed.SignedInfo.SignatureMethod = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
        foreach (var name in new[] { "TS", "Body" })
        {
            var reference = new Reference("#" + name) { DigestMethod = "http://www.w3.org/2001/04/xmlenc#sha256" };
            reference.AddTransform(new XmlDsigExcC14NTransform());
            signed.AddReference(reference);
        }
        var named = document.CreateElement("o", "SecurityTokenReference", Wsse);
        var direct = Add(named, "o", "Reference", Wsse);
        direct.SetAttribute("URI", "#X509");
        direct.SetAttribute("ValueType", X509v3);
        signed.KeyInfo.AddClause(new KeyInfoNode(named));
        signed.ComputeSignature();
        return signed.GetXml();
    }

    static XmlElement Add(XmlElement parent, string prefix, string name, string space, string id = null)
    {
        var made = (XmlElement)parent.AppendChild(parent.OwnerDocument.CreateElement(prefix, name, space));
        if (id != null) Named(made, id);
        return made;
    }

    static void Named(XmlElement element, string id)
    {
        var attribute = element.OwnerDocument.CreateAttribute("u", "Id", Wsu);
        attribute.Value = id;
        element.SetAttributeNode(attribute);
    }

    static string Instant(DateTime at) { return at.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'"); }

    class ById : SignedXml
    {
        public ById(XmlDocument document) : base(document) { }

        public override XmlElement GetIdElement(XmlDocument document, string id)
        {
            foreach (XmlElement element in document.SelectNodes("//*"))
            {
                if (element.GetAttribute("Id", Wsu) == id) return element;
            }
            return null;
        }
    }
}
