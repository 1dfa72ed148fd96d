// An agency's program that was made with a .NET generator from the WSDL: calls, and what came of them on standard
// output. What it is to do comes on standard input, as lines of name=value.
using System;
using System.Collections.Generic;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Web.Services.Protocols;
using Eg.ppo_deprivation_v1;

public static class Caller
{
    public static int Main()
    {
        var task = new Dictionary<string, string>();
        Console.InputEncoding = Console.OutputEncoding = new UTF8Encoding(false);
        for (string line; (line = Console.ReadLine()) != null;)
        {
            int at = line.IndexOf('=');
            task[line.Substring(0, at)] = line.Substring(at + 1);
        }
        ServicePointManager.SecurityProtocol = SecurityProtocolType.Tls12;
        // Mono builds no chain of certificates with elliptic curves, so it is told which one to expect.
        ServicePointManager.ServerCertificateValidationCallback = (sender, shown, chain, errors) =>
            Convert.ToBase64String(shown.GetRawCertData()) == task["server"];
        var service = new IsnadService { Url = task["url"] };
        service.ClientCertificates.Add(new X509Certificate2(Convert.FromBase64String(task["client"]), "synthetic"));
        if (task.ContainsKey("signer"))
        {
            Signing.Signer = new X509Certificate2(Convert.FromBase64String(task["signer"]), "synthetic");
        }
        string receipt, state, accepted, quarantined, duplicate, refused;
        Outcome[] outcomes;
        Problem problem;
        bool complete;
        Console.WriteLine("agency=" + service.ping(out receipt));
        service.submit(null, new[] { Judgment(task["number"]) }, out outcomes, out problem, out accepted,
            out quarantined, out duplicate, out refused, out complete);
        foreach (var outcome in outcomes)
        {
            Console.WriteLine("outcome=" + outcome.outcome);
            Console.WriteLine("receipt=" + outcome.receipt);
            service.receipt(outcome.id, out state, out receipt);
        }
        try
        {
            service.receipt("nothing", out state, out receipt);
        }
        catch (SoapException fault)
        {
            Console.WriteLine("problem=" + fault.Detail.FirstChild.FirstChild.InnerText);
        }
        return 0;
    }

    static Judgment Judgment(string number)
    {
        return new Judgment
        {
            kind = Kind.جديد,
            NotificationNo = number,
            Person = new Person
            {
                nationalId = "28811034204512",
                Name = "مينا جرجس حنا ميخائيل",
                BirthDate = "03/11/1988",
                Sex = Sex.ذكر,
                SexSpecified = true,
            },
            Case = new Case
            {
                Court = "محكمة شمال القاهرة الابتدائية",
                Number = "1234 جنح قسم أول",
                Year = "2025",
                JudgedOn = "04/05/2026",
                FinalOn = "14/06/2026",
            },
            Verdict = new Verdict
            {
                item = "28",
                suspended = YesNo.لا,
                inAbsentia = YesNo.لا,
                Penalty = "حبس",
                Months = "12",
            },
            NotifiedOn = "20/06/2026",
        };
    }
}
